/** Positions in the write-ahead log: a 64-bit integer, written as PostgreSQL writes it: '16/B374D848'. */

export const lsnText = (lsn: bigint): string =>
  `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;

const pattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** The inverse of `lsnText`; undefined for what is none. */
export function parseLsn(text: unknown): bigint | undefined {
  const match = typeof text === 'string' ? pattern.exec(text) : null;
  return match ? (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`) : undefined;
}
