import { createHash } from 'node:crypto';
import type { Lane } from '@sluice/connector-sdk';

export const hash = (...parts: readonly (string | number | undefined)[]): string =>
  createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex');

/** The row of `_sluice_checkpoints` that is this lane's. */
export const laneKey = (lane: Pick<Lane, 'id' | 'part'>): string => hash(lane.id, lane.part);

/** All parts of a lane fill one shadow table; a new generation has another. */
export const shadowName = (lane: Lane, stream: string, copy: number): string =>
  `_sluice_new_${hash(lane.id, lane.generation, stream, copy).slice(0, 32)}`;

/** Where the previous table waits to be dropped: one per target. */
export const oldName = (table: string): string => `_sluice_old_${hash(table).slice(0, 32)}`;

export const checkpointTable = '_sluice_checkpoints';

/** A shadow while it is made. */
export const buildingName = (shadow: string): string => `${shadow}_b`;

export const isOwn = (table: string): boolean => /^_sluice_(new|old)_[0-9a-f]{32}(_b)?$/.test(table);
