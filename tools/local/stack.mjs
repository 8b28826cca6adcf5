// @ts-check
import { UserError } from './say.mjs';
import { Supervisor } from './supervisor.mjs';

/** Everything that is started so far, so that one place stops it. */
export class Stack {
  /** @type {Supervisor[]} */ supervisors = [];
  /** @type {import('./run-state.mjs').RunState} */ #state;
  /** @type {Promise<void> | undefined} */ #stopping;

  /** @param {import('./run-state.mjs').RunState} state */
  constructor(state) {
    this.#state = state;
  }

  /** @param {Pick<import('./supervisor.mjs').SupervisorOptions, 'name' | 'spec' | 'say'>} options */
  async start(options) {
    if (this.#stopping) throw new UserError('stopped while starting');
    const supervisor = new Supervisor({
      ...options,
      onStart: (child, spec) => this.#state.add(child.name, child.pid, spec.stopSignal ?? 'SIGTERM'),
      onStop: (name) => this.#state.remove(name),
    });
    this.supervisors.push(supervisor);
    await supervisor.start();
    return supervisor;
  }

  settle() {
    for (const supervisor of this.supervisors) supervisor.settle();
  }

  /** The gateway first, the servers last: nothing loses what it depends on while it still works. */
  stop() {
    this.#stopping ??= (async () => {
      const order = ['gateway', 'runner', 'scheduler', 'catalog', 'nats', 'postgres'];
      for (const name of order) await this.supervisors.find((supervisor) => supervisor.name === name)?.stop();
      this.#state.release();
    })();
    return this.#stopping;
  }
}
