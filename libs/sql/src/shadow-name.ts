import { createHash } from 'node:crypto';

/** Every table that Sluice makes for itself starts so; sources do not offer them. */
export const ownPrefix = '_sluice_';

const digest = (text: string, length: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, length);

/** What all shadow tables of a lane start with, whatever their target and generation. */
export const shadowPrefix = (lane: string): string => `${ownPrefix}shadow_${digest(lane, 12)}_`;

/** The shadow table of a lane for one target: found again by whoever comes next, and not taken for that of a new generation. */
export const shadowName = (lane: string, table: readonly string[], generation: number): string =>
  `${shadowPrefix(lane)}${digest(JSON.stringify(table), 8)}_${generation}`;
