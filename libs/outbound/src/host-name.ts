/** What may stand in a host field: a name of the DNS or an address in its usual form, and nothing that a resolver could read otherwise. */
import { domainToASCII } from 'node:url';
import { parseAddress } from './address.js';

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;
/** What a resolver takes for a part of an IPv4 address: '127.1', '0177.0.0.1', '0x7f000001', '2130706433'. */
const numeric = /^(?:\d+|0x[0-9a-f]*)$/i;

/** A name in ASCII whose last part is no number; a dot at its end is fine. */
export function isHostName(text: string): boolean {
  const labels = text.replace(/\.$/, '').split('.');
  return text.length <= 254 && labels.every((part) => label.test(part)) && !numeric.test(labels.at(-1)!);
}

/** The host as it is looked up (international names in ASCII), or undefined when it is neither name nor address. */
export function lookupForm(host: string): string | undefined {
  if (parseAddress(host) !== undefined) return host;
  const ascii = /^[\0-\x7f]*$/.test(host) ? host : domainToASCII(host);
  return isHostName(ascii) ? ascii : undefined;
}
