/** Ranges of addresses with a meaning of their own (RFC 6890 and what cloud providers add). */
import { type Range, parseRange } from './address.js';

const ranges = (...texts: readonly string[]): readonly Range[] => texts.map((text) => parseRange(text)!);

export const loopback = ranges('127.0.0.0/8', '::1/128');

/** Networks that are not routed on the internet. */
export const privateNetworks = ranges(
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10', // carrier-grade NAT
  '198.18.0.0/15', // benchmarks
  'fc00::/7',
  'fec0::/10',
  '64:ff9b:1::/48', // NAT64 of a site
);

/** No database is here, and what is here gives away the keys of the machine: refused whatever the operator allows. */
export const neverTargets: readonly { readonly what: string; readonly ranges: readonly Range[] }[] = [
  {
    what: 'the metadata service of a cloud',
    ranges: ranges(
      '169.254.169.254', // AWS, Azure, Google and others
      '169.254.170.2', // AWS containers
      '100.100.100.200', // Alibaba
      '168.63.129.16', // Azure
      '192.0.0.192', // Oracle
      'fd00:ec2::/32', // AWS
      'fd20:ce::254', // Google
    ),
  },
  { what: 'a link-local address', ranges: ranges('169.254.0.0/16', 'fe80::/10') },
  { what: 'an unspecified address', ranges: ranges('0.0.0.0/8', '::/128') },
  { what: 'a multicast address', ranges: ranges('224.0.0.0/4', 'ff00::/8') },
  { what: 'a reserved address', ranges: ranges('192.0.0.0/24', '240.0.0.0/4', '100::/64', '2001::/32') },
];
