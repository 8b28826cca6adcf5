/** MariaDB's INET6 and INET4: stored as bytes, shown as text. */

export const inet4Text = (stored: Buffer): string => stored.join('.');

export function inet6Text(stored: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => stored.readUInt16BE(i * 2));
  const [from, length] = longestZeros(groups);
  const mapped = from === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff));
  const tail = mapped ? [inet4Text(stored.subarray(12))] : [];
  const shown = groups.slice(0, mapped ? 6 : 8).map((group) => group.toString(16));
  if (length === 0) return [...shown, ...tail].join(':');
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
