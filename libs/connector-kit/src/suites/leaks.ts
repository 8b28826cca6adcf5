/** leaks: what a session holds in this process is given back at its end. */
import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { ok, pause } from '../assert.js';

const settling = 5_000;
/** Kinds of resources that live until someone closes them; requests end by themselves. */
const kinds = new Set([
  'Timeout',
  'TCPWRAP',
  'TCPSERVERWRAP',
  'PIPEWRAP',
  'PIPESERVERWRAP',
  'UDPWRAP',
  'PROCESSWRAP',
  'FILEHANDLE',
  'FSEVENTWRAP',
  'STATWATCHER',
  'WORKER',
  'HTTP2SESSION',
]);

/**
 * Runs `work`, and expects that the sockets, timers, files and processes made in it are gone after it, once things have
 * settled. Only what `work` itself made is counted: a test runner in the same process has timers of its own.
 */
export async function leakFree(work: () => Promise<void>): Promise<void> {
  const inside = new AsyncLocalStorage<true>();
  const held = new Map<number, { kind: string; resource: object }>();
  const hook = createHook({
    init: (id, kind, _trigger, resource) => {
      if (kinds.has(kind) && inside.getStore()) held.set(id, { kind, resource });
    },
    destroy: (id) => void held.delete(id),
  }).enable();
  try {
    await inside.run(true, work);
    for (const until = Date.now() + settling; Date.now() < until && holding(held).length > 0;) await pause(20);
  } finally {
    hook.disable();
  }
  const left = holding(held);
  ok(left.length === 0, `still held after dispose: ${left.join(', ')}`);
}

/** Those that keep the process alive. */
const holding = (held: ReadonlyMap<number, { kind: string; resource: object }>): string[] =>
  [...held.values()]
    .filter(({ resource }) => !('hasRef' in resource) || (resource as { hasRef(): boolean }).hasRef())
    .map(({ kind }) => kind);
