import { type Finding, codes } from '@sluice/connector-sdk';
import type { ConnectionConfig } from './config.js';
import type { Link } from './link.js';
import { type Server, atLeast } from './server.js';

/** What both directions ask of a server: a version we know, the variant that was said, a safe line. */
export async function checkServer(
  link: Link,
  config: ConnectionConfig,
  variant: string | undefined,
): Promise<readonly Finding[]> {
  return [...checkVersion(link.server), ...checkVariant(link.server, variant), ...(await checkTls(link, config))];
}

function checkVersion(server: Server): readonly Finding[] {
  const oldest = { mysql: [5, 7, 0], mariadb: [10, 5, 0], singlestore: [0, 0, 0] } as const;
  const [major, minor, patch] = oldest[server.flavour];
  if (atLeast(server, major, minor, patch)) return [];
  const message = `The server says it is ${server.text}; ${server.flavour} ${major}.${minor} is the oldest that is supported.`;
  return [{ code: codes.unsupportedVersion, severity: 'error', message }];
}

function checkVariant(server: Server, variant: string | undefined): readonly Finding[] {
  if (variant === undefined || variant === server.flavour) return [];
  const message = `The connection is for ${variant}, but the server says it is ${server.text}. It is treated as ${server.flavour}.`;
  return [{ code: 'other-flavour', severity: 'warning', message, fix: `Choose the connector type ${server.flavour}.` }];
}

async function checkTls(link: Link, config: ConnectionConfig): Promise<readonly Finding[]> {
  if (config.ssl_mode === 'verify-ca' || config.ssl_mode === 'verify-full') return [];
  const [row] = await link.query(`SHOW SESSION STATUS LIKE 'Ssl_cipher'`);
  const encrypted = (row?.[1] ?? '') !== '';
  const message = encrypted
    ? 'The connection is encrypted, but the certificate of the server is not checked.'
    : 'The connection is not encrypted: the data can be read on the way.';
  return [
    {
      code: encrypted ? 'tls-unverified' : 'no-tls',
      severity: 'warning',
      message,
      fix: 'Set ssl_mode to verify-full.',
    },
  ];
}
