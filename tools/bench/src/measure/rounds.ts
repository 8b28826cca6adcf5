/** Interleaved rounds: A B C, A B C, ... so that a slow minute of the machine hits every method alike. */
import type { Cost } from './timed-command.js';

/** One way to do the job that a scenario compares. */
export interface Method {
  /** Short, for tables and `--without`: 'pg_dump'. */
  readonly id: string;
  readonly title: string;
  /** Not timed: what the method's user would have in place before the start. */
  prepare?(): Promise<void>;
  run(): Promise<Cost>;
}
/** A method that cannot run here. */
export interface Unavailable {
  readonly id: string;
  readonly title: string;
  readonly unavailable: string;
}
export type Contender = Method | Unavailable;

export interface Round extends Cost {
  readonly method: string;
  /** 0 is the warm-up. */
  readonly round: number;
  readonly warmUp: boolean;
  /** Why this round does not count: it failed, or its data are wrong. */
  readonly failure?: string;
}
export interface Plan {
  readonly contenders: readonly Contender[];
  /** Counted rounds, after one warm-up. */
  readonly rounds: number;
  /** Not timed, before each run: empties the destination and writes back what the servers hold in memory. */
  readonly reset: () => Promise<void>;
  /** Not timed, after each run: says what is wrong with the data, or nothing. */
  readonly check: () => Promise<string | undefined>;
  readonly say: (line: string) => void;
  /** Aborted: no further run is started. */
  readonly signal: AbortSignal;
}

const failed = (failure: string): Cost & { failure: string } => ({
  wallSeconds: NaN,
  clientCpuSeconds: null,
  machineCpuSeconds: NaN,
  peakRssBytes: null,
  failure,
});

const oneRun = async (method: Method, { reset, check }: Plan): Promise<Cost & { failure?: string }> => {
  try {
    await reset();
    await method.prepare?.();
    const { wallSeconds, clientCpuSeconds, machineCpuSeconds, peakRssBytes } = await method.run();
    const wrong = await check();
    const cost = { wallSeconds, clientCpuSeconds, machineCpuSeconds, peakRssBytes };
    return wrong === undefined ? cost : { ...cost, failure: wrong };
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
};

export const isMethod = (contender: Contender): contender is Method => 'run' in contender;

/** Every run of every method, in the order they were made. A method that fails in the warm-up is not tried again. */
export const interleave = async (plan: Plan): Promise<Round[]> => {
  const done: Round[] = [];
  const given = new Set<string>();
  for (let round = 0; round <= plan.rounds; round++) {
    for (const method of plan.contenders.filter(isMethod)) {
      if (given.has(method.id)) continue;
      plan.signal.throwIfAborted();
      const result = await oneRun(method, plan);
      plan.signal.throwIfAborted(); // what it fails with then is no result
      done.push({ method: method.id, round, warmUp: round === 0, ...result });
      if (round === 0 && result.failure !== undefined) given.add(method.id);
      const outcome = result.failure === undefined ? `${result.wallSeconds.toFixed(2)} s` : `FAILED: ${result.failure}`;
      plan.say(`  ${round === 0 ? 'warm-up' : `round ${round}`}  ${method.id}: ${outcome}`);
    }
  }
  return done;
};
