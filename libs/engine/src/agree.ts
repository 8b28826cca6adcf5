import type { Encoding } from '@sluice/connector-sdk';

/** The first encoding the destination likes that the source can make; undefined means rows. */
export const agree = (offers: readonly Encoding[], accepts: readonly Encoding[]): Encoding | undefined =>
  accepts.find((encoding) => offers.includes(encoding));
