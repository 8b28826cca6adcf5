import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { plainDial } from '@sluice/connector-kit';
import { type Endpoint, ConfigError, codes } from '@sluice/connector-sdk';
import { destinationConfig, sourceConfig } from '../src/config.js';
import { destination } from '../src/destination/destination.js';
import { openLink } from '../src/link.js';
import { source } from '../src/source/source.js';
import { forAddress, forName } from './certificates.js';

const clientSsl = 0x800;
const requestLength = 32;
const capabilities = 0x0080_a20d | 0x0008_0000; // as MySQL 8 without LOCAL FILES and compression
const greetingOf = (tls: boolean): Buffer => {
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(tls ? capabilities | clientSsl : capabilities);
  return Buffer.concat([
    Buffer.from('\x0a8.0.36\0\x01\0\0\0' + '12345678\0', 'latin1'),
    flags.subarray(0, 2),
    Buffer.from([45, 2, 0]),
    flags.subarray(2),
    Buffer.from([21]),
    Buffer.alloc(10),
    Buffer.from('123456789012\0mysql_clear_password\0'),
  ]);
};
const packet = (sequence: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([payload.length & 255, payload.length >> 8, 0, sequence]), payload]);

/** Greets, goes over to TLS when it has a certificate, and keeps what it is sent then; it lets nobody in. */
class Doorman implements AsyncDisposable {
  /** What each connection sent after the request for TLS, or instead of it. */
  readonly logins: Buffer[] = [];
  connections = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  constructor(certificate?: { readonly key: string; readonly cert: string }) {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.write(packet(0, greetingOf(certificate !== undefined)));
      socket.once('data', (first: Buffer) => {
        if (certificate === undefined || first[0] !== requestLength) return this.#refuse(socket, first);
        socket.pause();
        socket.unshift(first.subarray(4 + requestLength)); // the handshake may come with the request for it
        const secure = new TLSSocket(socket, { isServer: true, ...certificate });
        secure.on('error', () => undefined);
        secure.once('data', (login: Buffer) => this.#refuse(secure, login));
      });
    });
  }
  #refuse(socket: Socket, login: Buffer): void {
    this.logins.push(login);
    socket.end(packet(login[3]! + 1, Buffer.from('\xff\x15\x04#28000Access denied', 'latin1')));
  }
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Leads every host to this machine, as a name service could. */
const dial = ({ port }: Endpoint): ReturnType<typeof plainDial> => plainDial({ host: '127.0.0.1', port });
const opening = (config: object): Promise<unknown> =>
  openLink(
    destinationConfig.parse({ username: 'u', password: 'open-sesame', database: 'd', connect_timeout: 3, ...config }),
    {
      dial,
    },
  ).then(
    () => 'opened',
    (error: unknown) => error,
  );
const tlsError = { class: 'config', code: 'tls', path: ['ssl_mode'] };

test.each<[string, object, typeof forName | undefined, RegExp]>([
  ['no TLS at all', { host: 'db.example' }, undefined, /offers no TLS, and ssl_mode verify-full \(the default/],
  ['no TLS when it is asked for', { host: '127.0.0.1', ssl_mode: 'require' }, undefined, /ssl_mode require asks/],
  ['a certificate nobody vouches for', { host: 'db.example' }, forName, /not trusted.*self-signed certificate/],
  [
    'a certificate of another name',
    { host: 'db.example', ssl_root_cert: forName.cert },
    forName,
    /not for this host name/,
  ],
  [
    'a name for an address',
    { host: '127.0.0.1', ssl_mode: 'verify-full', ssl_root_cert: forName.cert },
    forName,
    /not for this host name/,
  ],
  [
    'an address for another one',
    { host: '10.0.0.5', ssl_root_cert: forAddress.cert },
    forAddress,
    /not for this host name/,
  ],
  [
    'require with an authority',
    { host: 'db.example', ssl_mode: 'require', ssl_root_cert: forName.cert },
    forAddress,
    /not trusted/,
  ],
])('[R4] %s: nothing is sent but the request for TLS', async (_, config, certificate, message) => {
  await using server = new Doorman(certificate);
  const error = await opening({ port: await server.listen(), ...config });
  expect(error).toMatchObject({ ...tlsError, fix: expect.any(String) as string });
  expect((error as Error).message).toMatch(message);
  expect(server.logins).toEqual([]);
});

test.each([
  ['the name', { host: 'localhost', ssl_mode: 'verify-full', ssl_root_cert: forName.cert }, forName],
  ['the address', { host: '127.0.0.1', ssl_mode: 'verify-full', ssl_root_cert: forAddress.cert }, forAddress],
  ['the authority alone', { host: 'db.example', ssl_mode: 'verify-ca', ssl_root_cert: forName.cert }, forName],
  ['nothing', { host: 'db.example', ssl_mode: 'require' }, forName],
])('[R4] a certificate of which %s is checked is accepted, and the login follows', async (_, config, certificate) => {
  await using server = new Doorman(certificate);
  expect(await opening({ port: await server.listen(), ...config })).toMatchObject({ code: 'authentication' });
  expect(server.logins.length).toBe(1);
});

test('[R4] allow begins without TLS, and comes back with it when the server refuses', async () => {
  await using server = new Doorman(forName);
  await opening({ host: 'db.example', port: await server.listen(), ssl_mode: 'allow' });
  expect(server.connections).toBe(2);
});

test.each([
  ['source', () => source.open(sourceConfig.parse(to), refusing)],
  ['destination', () => destination.open(destinationConfig.parse({ ...to, database: 'd' }), refusing)],
])('[N1] a %s has no way to a host but the one that it is lent', async (_, open) => {
  await expect(open()).rejects.toMatchObject({ code: 'outbound-denied', path: ['host'] });
  expect(dialled).toEqual([{ host: 'db.example', port: 3306, timeout: 15_000 }]);
});
const to = { host: 'db.example', username: 'u', password: 'p' };
const dialled: Endpoint[] = [];
beforeEach(() => void dialled.splice(0));
const refusing = {
  signal: new AbortController().signal,
  log: () => undefined,
  dial: async (endpoint: Endpoint) => {
    dialled.push(endpoint);
    throw new ConfigError('not there', { code: codes.outboundDenied, path: ['host'] });
  },
};
