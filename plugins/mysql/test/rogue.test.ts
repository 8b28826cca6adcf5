import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { plainDial } from '@sluice/connector-kit';
import { type Context, type RawData, type Stream } from '@sluice/connector-sdk';
import { destinationConfig, sourceConfig } from '../src/config.js';
import { destination } from '../src/destination/destination.js';
import { type LoadTarget, loadRaw } from '../src/destination/load.js';
import { type Link, openLink } from '../src/link.js';
import { ZeroDates } from '../src/source/cell.js';
import { RowStream } from '../src/source/row-stream.js';
import { byteSink } from '../src/source/sinks.js';
import { source } from '../src/source/source.js';

/** A MySQL server of few words: it lets everyone in, and answers what `answer` says. Notes all that it is sent. */
class Rogue {
  readonly received: Buffer[] = [];
  /** The capabilities of each client that logged in. */
  readonly logins: number[] = [];
  /** Sent when a file, or an empty one, has come to its end. */
  afterFile: readonly Buffer[] = [ok];
  #sockets = new Set<Socket>();
  private constructor(readonly server: Server) {}

  static async start(answer: (sql: string, send: (...payloads: Buffer[]) => void) => void): Promise<Rogue> {
    const rogue: Rogue = new Rogue(createServer((socket) => rogue.#serve(socket, answer)));
    await new Promise<void>((resolve) => rogue.server.listen(0, '127.0.0.1', resolve));
    return rogue;
  }

  get capabilities(): number {
    return this.logins.at(-1) ?? 0;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  #serve(socket: Socket, answer: (sql: string, send: (...payloads: Buffer[]) => void) => void): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(packet(0, greeting));
    let loggedIn = false;
    let held = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= 4 + held.readUIntLE(0, 3)) {
        const length = held.readUIntLE(0, 3);
        const [sequence, payload] = [held[3]!, held.subarray(4, 4 + length)];
        held = held.subarray(4 + length);
        const send = (...payloads: Buffer[]): void =>
          payloads.forEach((each, i) => void socket.write(packet(sequence + 1 + i, each)));
        if (!loggedIn) {
          loggedIn = true;
          this.logins.push(payload.readUInt32LE(0));
          send(ok);
        } else if (sequence === 0 && payload[0] === 0x03) answer(payload.subarray(1).toString('utf8'), send);
        else {
          this.received.push(Buffer.from(payload));
          if (length === 0) send(...this.afterFile);
        }
      }
    });
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function packet(sequence: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  header[3] = sequence & 255;
  return Buffer.concat([header, payload]);
}
const all = 0x0080_a28f | 0x0008_0000; // 4.1 protocol, long flags, LOCAL FILES, plugin authentication
const low = Buffer.alloc(2);
low.writeUInt16LE(all & 0xffff);
const high = Buffer.alloc(2);
high.writeUInt16LE((all >>> 16) & 0xffff);
const greetingWith = (authentication: string): Buffer =>
  Buffer.concat([
    Buffer.from([10]),
    Buffer.from('8.0.36\0'),
    Buffer.from([1, 0, 0, 0]),
    Buffer.from('12345678\0'),
    low,
    Buffer.from([45, 2, 0]),
    high,
    Buffer.from([21]),
    Buffer.alloc(10),
    Buffer.from('123456789012\0'),
    Buffer.from(`${authentication}\0`),
  ]);
const greeting = greetingWith('mysql_native_password');
const ok = Buffer.from([0, 0, 0, 2, 0, 0, 0]);
const moreResults = Buffer.from([0, 0, 0, 10, 0, 0, 0]);
const wantsFile = Buffer.from('\xfb/etc/passwd', 'latin1');
const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const column = (name: string): Buffer =>
  Buffer.concat([
    ...['def', '', '', '', name, name].map(text),
    Buffer.from([0x0c, 45, 0, 255, 0, 0, 0, 0xfd, 0, 0, 0, 0, 0]),
  ]);
const eof = Buffer.from([0xfe, 0, 0, 2, 0]);
/** One row of one text column. */
const oneValue = (value: string): Buffer[] => [Buffer.from([1]), column('a'), eof, text(value), eof];
const polite = (sql: string): Buffer[] =>
  sql.startsWith('SELECT VERSION')
    ? oneValue('8.0.36')
    : sql.includes('@@local_infile')
      ? oneValue('1')
      : sql.startsWith('SELECT')
        ? oneValue('0')
        : [ok];

const context: Context = { signal: new AbortController().signal, dial: plainDial, log: () => undefined };
const LOCAL_FILES = 0x80;
jest.setTimeout(20_000);
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );
const leaked = (rogue: Rogue): string => Buffer.concat(rogue.received).toString('latin1');

let rogue: Rogue | undefined;
afterEach(async () => rogue?.stop());
const configOf = (port: number) => ({ host: '127.0.0.1', port, username: 'u', password: 'p', ssl_mode: 'disable' });

test('[R1] a source refuses a server that asks for a file, and sends none of it', async () => {
  rogue = await Rogue.start((_, send) => send(wantsFile));
  const error = await failure(source.open(sourceConfig.parse(configOf(rogue.port)), context));
  expect(error).toBeInstanceOf(Error);
  expect(rogue.capabilities & LOCAL_FILES).toBe(0);
  expect(leaked(rogue)).toBe('');
});

test('[R1] a source refuses the file at every later statement too', async () => {
  rogue = await Rogue.start((sql, send) => send(...(/information_schema|SHOW/.test(sql) ? [wantsFile] : polite(sql))));
  const session = await source.open(sourceConfig.parse(configOf(rogue.port)), context);
  expect(await failure(session.discover())).toBeInstanceOf(Error);
  expect(leaked(rogue)).toBe('');
  await session[Symbol.asyncDispose]();
});

const stream: Stream = {
  id: 's.t',
  path: ['s', 't'],
  columns: [{ name: 'a', type: 'string', nullable: true, native: 'text' }],
  key: [],
  modes: ['full'],
  cursors: [],
};
const target: LoadTarget = {
  stream,
  path: ['d', 't'],
  columns: [{ column: stream.columns[0]!, type: 'LONGTEXT', key: false }],
  replace: false,
};
const data = (): RawData => ({
  kind: 'raw',
  stream: stream.id,
  encoding: 'csv/1',
  body: (async function* () {
    yield Buffer.from('"prepared"\n');
  })(),
  rows: () => 1,
});
/** The loading connection of a destination, and no other kind, may be asked for a file. */
const loading = (port: number): Promise<Link> =>
  openLink(destinationConfig.parse({ ...configOf(port), database: 'd' }), {
    dial: plainDial,
    localFiles: true,
    withoutDatabase: true,
  });

test('[R1] a destination sends the prepared rows, whatever file the server names', async () => {
  rogue = await Rogue.start((sql, send) => send(...(sql.startsWith('LOAD DATA') ? [wantsFile] : polite(sql))));
  const link = await loading(rogue.port);
  expect(rogue.capabilities & LOCAL_FILES).toBe(LOCAL_FILES);
  expect(await loadRaw(link, target, data()).catch(() => 'no count')).toBe('no count');
  expect(leaked(rogue)).toBe('"prepared"\n');
  await link[Symbol.asyncDispose]();
});

test('[R1] a second request for a file in one statement gets nothing', async () => {
  rogue = await Rogue.start((sql, send) => send(...(sql.startsWith('LOAD DATA') ? [wantsFile] : polite(sql))));
  rogue.afterFile = [moreResults, wantsFile];
  const link = await loading(rogue.port);
  expect(await failure(loadRaw(link, target, data()))).toMatchObject({
    message: expect.stringMatching(/second file/) as string,
  });
  expect(leaked(rogue)).toBe('"prepared"\n');
  link.destroy();
});

test('[R1] the loading connection refuses a file for any statement that is not a load', async () => {
  rogue = await Rogue.start((sql, send) => send(...(/^(TRUNCATE|SHOW)/.test(sql) ? [wantsFile] : polite(sql))));
  const link = await loading(rogue.port);
  expect(await failure(link.run('TRUNCATE x'))).toBeInstanceOf(Error);
  expect(await failure(link.query('SHOW WARNINGS'))).toBeInstanceOf(Error);
  expect(leaked(rogue)).toBe('');
  link.destroy();
});

test('[R1] only the loading connection of a destination says that it can send files', async () => {
  rogue = await Rogue.start((sql, send) => send(...polite(sql)));
  const seen: number[] = [];
  const session = await destination.open(destinationConfig.parse({ ...configOf(rogue.port), database: 'd' }), context);
  seen.push(...rogue.logins.map((capabilities) => capabilities & LOCAL_FILES));
  expect(seen).toEqual([0, LOCAL_FILES]);
  await session[Symbol.asyncDispose]();
});

test.each<[string, Buffer]>([
  ['a value longer than its packet', Buffer.from([250, 65])],
  ['a length of 2^60', Buffer.from([0xfe, 0, 0, 0, 0, 0, 0, 0, 0x10, 65, 65, 65, 65, 65])],
  ['a row of no values', Buffer.from([])],
  ['a row of two values', Buffer.from([1, 65, 1, 66])],
])('[R7] %s ends the read with an error, not with a wrong row', async (_, row) => {
  rogue = await Rogue.start((sql, send) =>
    send(...(sql === 'ROWS' ? [Buffer.from([1]), column('a'), eof, row, eof] : polite(sql))),
  );
  const link = await openLink(
    { ...destinationConfig.parse({ ...configOf(rogue.port), database: 'd' }) },
    { dial: plainDial, withoutDatabase: true },
  );
  const rows = new RowStream(
    link,
    'ROWS',
    byteSink('csv/1', stream.columns, new ZeroDates('reject', 's.t'), { rows: 0 }),
    async () => undefined,
  );
  expect(await failure(rows.next())).toBeInstanceOf(Error);
  link.destroy();
});

/** A server that wants the password itself, and offers `key` to encrypt it with. Answers what it was sent, packet by packet. */
async function keyOffering(
  plugin: string,
  switches: boolean,
  key: string,
): Promise<{ server: Server; sent: Buffer[] }> {
  const sent: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(packet(0, greetingWith(switches ? 'mysql_native_password' : plugin)));
    const ask = switches
      ? Buffer.concat([Buffer.from([0xfe]), Buffer.from(`${plugin}\0`), Buffer.from('12345678123456789012\0')])
      : Buffer.from([1, 4]);
    const answers = [ask, ...(switches && plugin === 'caching_sha2_password' ? [Buffer.from([1, 4])] : [])];
    const offer = Buffer.concat([Buffer.from([1]), Buffer.from(key)]);
    socket.on('data', (chunk) => {
      sent.push(chunk);
      const answer = answers.shift() ?? (chunk.length === 5 ? offer : undefined);
      if (answer === undefined) return void socket.destroy();
      socket.write(packet(chunk[3]! + 1, answer));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, sent };
}

test.each([
  ['caching_sha2_password', false, 'disable'],
  ['caching_sha2_password', true, 'disable'],
  ['caching_sha2_password', true, 'prefer'],
  ['sha256_password', true, 'prefer'],
])(
  '[R4] a key that %s (switched to: %s) offers without TLS gets no password, ssl_mode %s',
  async (plugin, switches, mode) => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const { server, sent } = await keyOffering(
      plugin,
      switches,
      String(publicKey.export({ type: 'spki', format: 'pem' })),
    );
    const config = sourceConfig.parse({ ...configOf((server.address() as AddressInfo).port), ssl_mode: mode });
    const error = await failure(openLink(config, { dial: plainDial }));
    server.close();
    // A server that never switches is out of step with the driver, and hears no more.
    const [code, path] = switches ? ['tls', 'ssl_mode'] : ['not-this-server', 'port'];
    expect(error).toMatchObject({ class: 'config', code, path: [path] });
    expect(sent.filter((chunk) => chunk.length > 200)).toEqual([]); // an RSA block is 256 bytes long
  },
);
