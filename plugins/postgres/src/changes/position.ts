/** How far the change log was read, and of which server: a position means nothing to another. `v` 1. */
import { type Checkpoint, LostPositionError } from '@sluice/connector-sdk';
import { lsnText, parseLsn } from './lsn.js';
import type { PublishedTables } from './publication.js';
import type { Served } from './replication-link.js';
import type { SlotState } from './slot.js';
import { type Since, endOf } from './visible.js';

/** All that was committed before `lsn` is read. */
export interface Position {
  readonly lsn: bigint;
  /** The server's system identifier, its timeline, and the oid of the publication. */
  readonly system: string;
  readonly timeline: number;
  readonly publication: string;
  /** Snapshots whose end the position has not reached, by stream. */
  readonly since: Readonly<Record<string, Since>>;
}

export function checkpointOf({ lsn, since, ...server }: Position): Checkpoint {
  const open = Object.entries(since).filter(([, snapshot]) => endOf(snapshot) > lsn);
  const rest = open.length > 0 ? { since: Object.fromEntries(open.map(([id, one]) => [id, { ...one }])) } : {};
  return { v: 1, lsn: lsnText(lsn), ...server, ...rest };
}

/** The position of a checkpoint; throws LostPositionError for one that is not of this version. */
export function positionOf(checkpoint: Checkpoint): Position {
  const { v, lsn: text, system, timeline, publication, since } = checkpoint;
  const lsn = parseLsn(text);
  const whole = typeof system === 'string' && typeof timeline === 'number' && typeof publication === 'string';
  if (v === 1 && lsn !== undefined && whole)
    return { lsn, system, timeline, publication, since: (since ?? {}) as Position['since'] };
  throw new LostPositionError('This checkpoint is not one that this version reads.', `version ${v}`, 'version 1');
}

/** Invariant 7: the log must be read from before the end of a snapshot on, or what was committed in between is in neither. */
export function refuseOvertaken(from: bigint, since: Readonly<Record<string, Since>>, known: Position['since']): void {
  for (const [stream, snapshot] of Object.entries(since)) {
    if (endOf(snapshot) >= from || JSON.stringify(known[stream]) === JSON.stringify(snapshot)) continue;
    const message = `The log was read on beyond the copy of ${stream}, without it: changes in between were passed over.`;
    throw new LostPositionError(message, snapshot.lsn, `from ${lsnText(from)} on`, { fix: `Copy ${stream} again.` });
  }
}

const fix = 'Start over with a new full load.';

/** Invariant 7: what is asked for must be what this server has. */
export function refuseOtherServer(asked: Position, served: Served): void {
  const of = (at: { system: string; timeline: number }, lsn: bigint): string =>
    `${lsnText(lsn)} on timeline ${at.timeline} of system ${at.system}`;
  const lost = (why: string): LostPositionError =>
    new LostPositionError(why, of(asked, asked.lsn), of(served, served.flushed), { fix });
  if (asked.system !== served.system)
    throw lost('Another server answers at the address: the position is not one of its log.');
  if (asked.timeline !== served.timeline)
    throw lost(
      'The server is on another timeline since it failed over or was restored: its log may have gone another way.',
    );
  if (asked.lsn > served.flushed) throw lost('The log of the server ends before the position: it was restored.');
}

/** Invariant 7: the slot must still have the log from the position on. `asked` undefined: from where the slot stands. */
export function refuseLostSlot(slot: SlotState | undefined, name: string, asked: bigint | undefined): SlotState {
  const from = asked === undefined ? 'the beginning of the slot' : lsnText(asked);
  const there = slot?.confirmed === undefined ? 'nothing' : `from ${lsnText(slot.confirmed)} on`;
  const lost = (why: string, available = there): LostPositionError =>
    new LostPositionError(why, from, available, { fix });
  if (!slot) throw lost(`The replication slot ${name} is gone, and the log with it.`);
  if (slot.invalid !== undefined)
    throw lost(`The server has given up the replication slot ${name} (${slot.invalid}).`, slot.walStatus);
  if (asked !== undefined && slot.confirmed !== undefined && asked < slot.confirmed)
    throw lost(`The replication slot ${name} was moved on beyond the position by somebody else.`);
  return slot;
}

/** Invariant 7: a publication that was made anew does not describe what was logged before it. */
export function refuseOtherPublication(asked: Position, found: PublishedTables, name: string): void {
  if (found.oid === asked.publication) return;
  const message = `The publication ${name} was dropped and made again: changes in between were not kept.`;
  throw new LostPositionError(message, `oid ${asked.publication}`, `oid ${found.oid}`, { fix });
}
