/** A load that cannot go on from what it has committed: as data, and as the line that tells of its start over. */
import type { LostPositionError } from '@sluice/connector-sdk';
import type { Log } from './run-lane.js';

export interface LostPosition {
  readonly code: string;
  readonly message: string;
  /** What was asked for, and what is there instead, in the system's own words. */
  readonly from: string;
  readonly to: string;
}
export const lostPosition = ({ code, message, asked, available }: LostPositionError): LostPosition => ({
  code,
  message,
  from: asked,
  to: available,
});

/** Invariant 7: never in silence. `rows` were read in vain; the counts begin at zero again. (Invariant 6) */
export function tellStartOver(log: Log, stream: string, lost: LostPosition, rows: number): void {
  const { message, ...fields } = lost;
  log('warn', `started over: ${stream}, of which ${rows} rows were read in vain: ${message}`, {
    stream,
    ...fields,
    rowsInVain: rows,
  });
}
