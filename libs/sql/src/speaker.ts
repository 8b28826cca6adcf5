/** Who speaks at a port, by the first bytes that came. A server's own words stay out: they may be anything, of any length. */
export function speakerOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, 64)).toString('latin1');
  const known = texts.find(([pattern]) => pattern.test(text));
  if (known) return known[1];
  if (isMysql(bytes)) return mysqlOf(text);
  if (isPostgres(bytes)) return 'a PostgreSQL server';
  if ((bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3)
    return 'a server that speaks TLS from the start (HTTPS?)';
  return `something unknown (its first bytes: ${Buffer.from(bytes.subarray(0, 8)).toString('hex')})`;
}

const texts: readonly (readonly [RegExp, string])[] = [
  [/^SSH-/, 'an SSH server'],
  [/^HTTP\/|^<(!doctype|html)/i, 'a web server (HTTP)'],
  [/^INFO \{/, 'a NATS server'],
  [/^(-ERR|-DENIED|-NOAUTH)/, 'a Redis server'],
  [/^\+OK|^\* OK|^220[ -]|^421 /, 'a mail or FTP server'],
];

/** A greeting of protocol 10, or an error in place of it: three bytes of length, the number 0, and 0x0a or 0xff. */
const isMysql = (bytes: Uint8Array): boolean => bytes[3] === 0 && (bytes[4] === 0x0a || bytes[4] === 0xff);

function mysqlOf(text: string): string {
  const version = /^\d[\w.+-]{0,40}(?=\0)/.exec(text.slice(5))?.[0];
  const system = version !== undefined && /mariadb/i.test(version) ? 'MariaDB' : 'MySQL';
  return version === undefined ? 'a server of the MySQL family' : `a ${system} server (${version})`;
}

/** The answer to a request for TLS, or a message: one letter and a length. */
function isPostgres(bytes: Uint8Array): boolean {
  if (bytes.length === 1) return bytes[0] === 0x53 || bytes[0] === 0x4e;
  if (bytes.length < 5 || !(bytes[0] === 0x52 || bytes[0] === 0x45)) return false;
  return Buffer.from(bytes.subarray(0, 5)).readUInt32BE(1) < 30_000;
}
