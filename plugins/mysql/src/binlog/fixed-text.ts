/** MariaDB's UUID, INET6 and INET4: stored as bytes, shown as text. */
import { uuidText } from './gtid-event.js';

/**
 * Versions 1 to 5 are stored with their five parts in reverse, so that they sort by time; the bit that every such UUID has at the
 * front of its fourth part then stands at the front of another byte.
 */
export function uuidTextOf(stored: Buffer): string {
  if (!isReversed(stored)) return uuidText(stored);
  const parts = [
    [12, 16],
    [10, 12],
    [8, 10],
    [6, 8],
    [0, 6],
  ] as const;
  return uuidText(Buffer.concat(parts.map(([start, end]) => stored.subarray(start, end))));
}
const isReversed = (_stored: Buffer): boolean => true;

export const inet4Text = (stored: Buffer): string => stored.join('.');

export function inet6Text(stored: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => stored.readUInt16BE(i * 2));
  const [from, length] = longestZeros(groups);
  const mapped = from === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff));
  const tail = mapped ? [inet4Text(stored.subarray(12))] : [];
  const shown = groups.slice(0, mapped ? 6 : 8).map((group) => group.toString(16));
  if (length < 2) return [...shown, ...tail].join(':');
  const left = shown.slice(0, from).join(':');
  const right = [...shown.slice(from + length), ...tail].join(':');
  return `${left}::${right}`;
}

function longestZeros(groups: readonly number[]): readonly [from: number, length: number] {
  let best: readonly [number, number] = [0, 0];
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > best[1]) best = [i, end - i];
  }
  return best;
}
