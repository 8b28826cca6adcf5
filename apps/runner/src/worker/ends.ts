/** Says of every error that leaves a plugin which end of the run it came from: the source or the destination, by name. */
import { isSluiceError, type Batch } from '@sluice/connector-sdk';
import { reportError } from '@sluice/engine';
import type { Report, Role } from './protocol.js';

export interface End {
  readonly role: Role;
  /** As the user named the endpoint. */
  readonly name: string;
}
const ends = new WeakMap<object, End>();
const labelOf = ({ role, name }: End): string => `${role} ${JSON.stringify(name)}`;

/** The end that an error is of, or that of its nearest cause: the one end may wrap what it got from the other. */
function endOf(error: unknown): End | undefined {
  let at = error;
  for (let depth = 0; depth < 10 && typeof at === 'object' && at !== null; depth++) {
    const end = ends.get(at);
    if (end !== undefined) return end;
    at = (at as { cause?: unknown }).cause;
  }
  return undefined;
}

/** The same error, whose message begins with its end from now on: `destination "warehouse": ...`. The first end counts. */
export function ofEnd(error: unknown, end: End): unknown {
  if (typeof error !== 'object' || error === null || ends.has(error)) return error;
  const known = endOf(error) ?? end;
  ends.set(error, known);
  const label = `${labelOf(known)}: `;
  if (isSluiceError(error) && !error.message.includes(label)) Reflect.set(error, 'message', label + error.message);
  return error;
}

/** As `reportError`, with the end. An error that is not of the contract keeps its own message and is labelled here. */
export function reportWithEnd(error: unknown, stream?: string): Report {
  const report = reportError(error, stream);
  const end = endOf(error);
  if (end === undefined) return report;
  const message = report.class === 'bug' ? `${labelOf(end)}: ${report.message}` : report.message;
  return { ...report, message, end: end.role };
}

/** Runs what a plugin does; what it throws is of this end. */
export async function atEnd<T>(end: End, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw ofEnd(error, end);
  }
}

/** The session as it is, but that what its members throw is of this end: promises, iterations and bodies of bytes too. */
export function sessionOfEnd<S extends object>(session: S, end: End): S {
  // Not a proxy of the session itself: a frozen one would have to give its own members.
  return new Proxy({} as S, {
    has: (_, name) => Reflect.has(session, name),
    get: (_, name) => {
      const member: unknown = Reflect.get(session, name, session);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => guarded(() => Reflect.apply(member, session, args) as unknown, end);
    },
  });
}

function guarded(call: () => unknown, end: End): unknown {
  try {
    const result = call();
    if (result instanceof Promise) return result.catch((error: unknown) => Promise.reject(ofEnd(error, end) as Error));
    return isIterable(result)
      ? iterableOfEnd(result as AsyncIterable<Batch>, end, (batch) => bodyOfEnd(batch, end))
      : result;
  } catch (error) {
    throw ofEnd(error, end);
  }
}
const isIterable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;

const bodyOfEnd = (batch: Batch, end: End): Batch =>
  batch.kind === 'raw' ? { ...batch, body: iterableOfEnd(batch.body, end), rows: () => batch.rows() } : batch;

function iterableOfEnd<T>(items: AsyncIterable<T>, end: End, change = (item: T): T => item): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = items[Symbol.asyncIterator]();
      const step = async (take: () => Promise<IteratorResult<T>>): Promise<IteratorResult<T>> => {
        const result = await atEnd(end, take);
        return result.done === true ? result : { done: false, value: change(result.value) };
      };
      return {
        next: () => step(() => iterator.next()),
        return: (value?: unknown) => step(async () => (await iterator.return?.(value)) ?? { done: true, value }),
      };
    },
  };
}
