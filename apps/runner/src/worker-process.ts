/** The runner's handle on one worker process: asks, listens, watches its memory and its silence, and ends it. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ErrorReport } from '@sluice/engine';
import { within } from '@sluice/engine';
import type { OutboundSettings } from '@sluice/outbound';
import { residentMemory } from './resident-memory.js';
import { StderrTail } from './stderr-tail.js';
import type { FromWorker, Note, OrderKind, Orders, Report, ToWorker, WorkerSettings } from './worker/protocol.js';

export interface WorkerOptions {
  /** The worker's script and what Node needs to run it. */
  readonly entry: string;
  readonly execArgv: readonly string[];
  readonly pluginRoots: readonly string[];
  readonly outbound: OutboundSettings;
  /** MiB. */
  readonly memory: number;
  /** Seconds. */
  readonly silence: number;
}
/** What went wrong with an order, as the worker tells it or as its death does. */
export class WorkerFailure extends Error {
  constructor(
    readonly report: Report,
    /** The process is gone. `stderr` is the last it wrote. */
    readonly dead: boolean,
    readonly stderr = '',
  ) {
    super(report.message);
    this.name = 'WorkerFailure';
  }
}
interface Waiting {
  resolve(value: unknown): void;
  reject(error: WorkerFailure): void;
}

const watchEvery = 500;
const transient = (code: string, message: string, fix?: string): ErrorReport => ({
  class: 'transient',
  code,
  message,
  ...(fix !== undefined && { fix }),
});

export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #stderr: StderrTail;
  readonly #waiting = new Map<number, Waiting>();
  readonly #watch: NodeJS.Timeout;
  #next = 0;
  #heard = performance.now();
  #verdict: ErrorReport | undefined;
  #failure: WorkerFailure | undefined;
  /** Resident memory in bytes, and the most it has been. */
  memory = 0;
  peakMemory = 0;
  /** Where notes go; replaced by whoever takes the worker. */
  onNote: (note: Note) => void = () => undefined;
  /** Called once when the process has ended, whatever the reason. */
  onExit: () => void = () => undefined;

  constructor(private readonly options: WorkerOptions) {
    const { entry, pluginRoots, outbound, execArgv, memory } = options;
    const settings: WorkerSettings = { pluginRoots, outbound };
    this.#child = fork(entry, [JSON.stringify(settings)], {
      execArgv: [...execArgv, `--max-old-space-size=${Math.floor(memory * 0.75)}`],
      env: {}, // Invariant 12: nothing of the runner's environment reaches a plugin
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#stderr = new StderrTail(this.#child.stderr!);
    this.#child.on('message', (message: FromWorker) => this.#hear(message));
    this.#child.on('error', (error) => {
      this.#verdict ??= transient('worker-crashed', `the worker could not be run: ${error.message}`);
      if (this.pid === undefined) this.#ended(null, null);
    });
    const said = Promise.all([once(this.#child, 'disconnect'), once(this.#child.stderr!, 'close')]);
    this.#child.once('exit', (code, signal) => {
      // What it said before it died still counts: commits above all. A pipe that something else holds open is not waited for.
      void within(500, said).then(() => this.#ended(code, signal));
    });
    this.#watch = setInterval(() => this.#look(), watchEvery);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }
  get dead(): boolean {
    return this.#failure !== undefined;
  }

  /** Throws WorkerFailure: the worker's own answer, or why it is gone. */
  ask<K extends OrderKind>(kind: K, body: Orders[K][0]): Promise<Orders[K][1]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#next++;
    return new Promise<Orders[K][1]>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as Orders[K][1]), reject });
      this.#send({ id, kind, body } as ToWorker);
    });
  }

  /** Asks it to finish or roll back what is in hand, for good, or only what is of the lane. */
  abort(reason: string, lane?: string): void {
    if (!this.dead) this.#send({ kind: 'abort', reason, ...(lane !== undefined && { lane }) });
  }

  /** At once. `why` is what its open orders fail with. */
  kill(why: ErrorReport): void {
    this.#verdict ??= why;
    this.#child.kill('SIGKILL');
  }

  /** Lets it close its sessions, and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.dead) return;
    const gone = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    if (await within(2000, gone)) return;
    this.kill(transient('worker-hung', 'the worker did not end'));
    await within(2000, gone);
  }

  #send(message: ToWorker): void {
    // A channel that is gone is told by 'close', which fails every open order.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #hear(message: FromWorker): void {
    this.#heard = performance.now();
    if (message.kind !== 'answer' && message.kind !== 'failure') {
      if (message.kind !== 'beat') this.onNote(message);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'answer') waiting?.resolve(message.value);
    else waiting?.reject(new WorkerFailure(message.error, false));
  }

  #look(): void {
    const { memory, silence } = this.options;
    this.memory = (this.pid !== undefined ? residentMemory(this.pid) : undefined) ?? this.memory;
    this.peakMemory = Math.max(this.peakMemory, this.memory);
    if (this.memory > memory * 1024 * 1024) this.kill(tooBig(memory));
    if (performance.now() - this.#heard > silence * 1000)
      this.kill(transient('worker-hung', `the worker gave no sign of life for ${silence} s and was killed`));
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    clearInterval(this.#watch);
    const { text } = this.#stderr;
    const how = signal === null ? `code ${String(code)}` : `signal ${signal}`;
    const crashed = /heap out of memory/.test(text)
      ? tooBig(this.options.memory)
      : transient('worker-crashed', `the worker ended with ${how} in mid work`);
    this.#failure = new WorkerFailure(this.#verdict ?? crashed, true, text);
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
    this.onExit();
  }
}

const tooBig = (memory: number): ErrorReport =>
  transient(
    'worker-memory',
    `the worker took more than its ${memory} MiB of memory and was killed`,
    'raise SLUICE_WORKER_MEMORY_MB, or select fewer large columns',
  );
