/** IP addresses as numbers, and the ranges they lie in. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}
/** All addresses whose first `prefix` bits are those of `value`. */
export interface Range extends Address {
  readonly prefix: number;
}

/** An address in its usual form, a zone left out; undefined for anything else ('127.1', '0x7f.0.0.1', a name). */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { bits: 32, value: join(text.split('.').map(Number), 8n) };
  if (!isIPv6(text)) return undefined;
  const [plain] = text.split('%');
  const { hostname } = new URL(`http://[${plain}]/`); // hexadecimal throughout, dotted endings too
  const [head, tail] = hostname.slice(1, -1).split('::').map(groups);
  const missing = 8 - head!.length - (tail?.length ?? 0);
  return { bits: 128, value: join([...head!, ...Array<number>(missing).fill(0), ...(tail ?? [])], 16n) };
}
const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
const join = (parts: readonly number[], width: bigint): bigint =>
  parts.reduce((value, part) => (value << width) | BigInt(part), 0n);

/** '10.0.0.0/8', 'fd00::/8', or a single address; undefined for anything else. Bits behind the prefix are ignored. */
export function parseRange(text: string): Range | undefined {
  const [, base, length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = base === undefined ? undefined : parseAddress(base);
  if (address === undefined) return undefined;
  const prefix = length === undefined ? address.bits : Number(length);
  return prefix <= address.bits ? { ...address, prefix } : undefined;
}

export const inRange = ({ bits, value }: Address, range: Range): boolean =>
  bits === range.bits && value >> BigInt(bits - range.prefix) === range.value >> BigInt(bits - range.prefix);

/** Range of IPv6 -> how far to the right of it an IPv4 address ends. */
const carriers: readonly (readonly [range: string, shift: bigint])[] = [
  ['::ffff:0:0/96', 0n], // mapped
  ['::/96', 0n], // compatible, out of use
  ['64:ff9b::/96', 0n], // NAT64
  ['2002::/16', 80n], // 6to4
];

/** The address, and the IPv4 address that it stands for when it carries one: a rule for one is a rule for both. */
export function formsOf(address: Address): readonly Address[] {
  const carrier = carriers.find(([range]) => inRange(address, parseRange(range)!));
  if (carrier === undefined || address.value <= 1n) return [address]; // '::' and '::1' carry none
  return [address, { bits: 32, value: (address.value >> carrier[1]) & 0xffff_ffffn }];
}
