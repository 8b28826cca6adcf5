import type { DestinationPlugin, SourcePlugin } from '@sluice/connector-sdk';
import { ConformanceError, ok } from './assert.js';

export interface Outcome {
  readonly id: string;
  /** 'not proven': the peer has not what the case needs. 'waived in vain': it has a waiver and passes without. */
  readonly state: 'passed' | 'failed' | 'waived' | 'waived in vain' | 'not proven';
  readonly notes: readonly string[];
  readonly error?: unknown;
}

/** What came of every case of one plugin. */
export class Report {
  readonly outcomes: Outcome[] = [];
  constructor(
    readonly plugin: SourcePlugin | DestinationPlugin,
    readonly waivers: Readonly<Record<string, string>>,
    readonly seed: number,
  ) {}

  add(outcome: Outcome): Outcome {
    this.outcomes.push(outcome);
    return outcome;
  }
  of(state: Outcome['state']): Outcome[] {
    return this.outcomes.filter((outcome) => outcome.state === state);
  }
  /** Ids of the cases that failed. */
  get failed(): string[] {
    return this.of('failed').map(({ id }) => id);
  }

  /** Claims, counts, and a line for each case that is not simply passed. */
  text(): string {
    const { kind, id, can } = this.plugin;
    const claims = Object.entries(can).map(
      ([name, value]) => `${name}: ${Array.isArray(value) ? value.join(' ') || 'none' : String(value)}`,
    );
    const counts = (['passed', 'failed', 'waived', 'waived in vain', 'not proven'] as const).map(
      (state) => `${this.of(state).length} ${state}`,
    );
    const told = this.outcomes.filter(
      ({ state, notes }) => state !== 'not proven' && (state !== 'passed' || notes.length > 0),
    );
    const lines = told.map(
      (one) => `  ${one.state.padEnd(14)} ${one.id}${one.notes.length > 0 ? `: ${one.notes.join('; ')}` : ''}`,
    );
    return [
      `conformance of ${kind} ${id}: ${counts.join(', ')} (seed ${this.seed})`,
      `  claims         ${claims.join(', ')}`,
      ...lines,
      ...this.#unproven(),
      '',
    ].join('\n');
  }

  /** One line per reason: often it is one for many cases. */
  #unproven(): string[] {
    const reasons = new Map<string, string[]>();
    for (const { id, notes } of this.of('not proven'))
      reasons.set(notes.join('; '), [...(reasons.get(notes.join('; ')) ?? []), id]);
    return [...reasons].map(([reason, ids]) => `  not proven     ${ids.join(', ')}: ${reason}`);
  }

  /** Fails on a waiver with no reason, and on one that names no case. */
  judge(cases: readonly string[]): void {
    for (const [id, reason] of Object.entries(this.waivers)) {
      ok(reason.trim() !== '', `the waiver of '${id}' has no reason`);
      if (!cases.includes(id)) throw new ConformanceError(`a waiver names '${id}', which is no case of this plugin`);
    }
  }
}
