/** Entries of an operator's lists: '10.0.0.0/8', '10.1.2.3:5432', '[fd00::5]:5432', 'db.internal:5432', 'private'. */
import { type Range, parseAddress, parseRange } from './address.js';
import { isHostName } from './host-name.js';
import { loopback, privateNetworks } from './ranges.js';

export interface Rule {
  /** A name is looked up when it is needed: what it stands for may change. */
  readonly where: { readonly ranges: readonly Range[] } | { readonly name: string };
  readonly port?: number;
}

const words: Readonly<Record<string, readonly Range[]>> = {
  any: [parseRange('0.0.0.0/0')!, parseRange('::/0')!],
  loopback,
  private: privateNetworks,
};

/** Throws an error that names the setting and the entry. */
export const parseRules = (setting: string, entries: readonly string[]): readonly Rule[] =>
  entries.map((entry) => {
    const rule = parseRule(entry);
    if (rule !== undefined) return rule;
    throw new Error(
      `${setting} has ${JSON.stringify(entry)}; an address, a network (10.0.0.0/8), a host name, 'private', 'loopback' or 'any' is needed, with or without a port (10.1.2.3:5432, [fd00::5]:5432)`,
    );
  });

function parseRule(entry: string): Rule | undefined {
  const [where, port] = splitPort(entry);
  if (port !== undefined && !(port >= 1 && port <= 65_535)) return undefined;
  const ranges = words[where] ?? single(where);
  const found = ranges ? { ranges } : isHostName(where) ? { name: where } : undefined;
  return found && { where: found, ...(port !== undefined && { port }) };
}
function single(text: string): readonly Range[] | undefined {
  const range = parseRange(text);
  return range && [range];
}

/** IPv6 has a port only behind brackets; without them its last group would be one. */
function splitPort(entry: string): readonly [where: string, port?: number] {
  if (parseRange(entry) !== undefined) return [entry];
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^[\]:]+))(?::(\d{1,5}))?$/.exec(entry) ?? [];
  const where = bracketed ?? plain ?? '';
  if (bracketed !== undefined && parseAddress(bracketed.split('/')[0]!)?.bits !== 128) return [''];
  return port === undefined ? [where] : [where, Number(port)];
}
