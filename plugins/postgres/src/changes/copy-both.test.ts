/** The stream of messages under any edges of chunks, and what it does to its socket. No server. */
import fc from 'fast-check';
import { EventEmitter } from 'node:events';
import type { Connection } from 'pg';
import { CopyBoth, type Frame } from './copy-both.js';

/** A socket that is told what arrives. */
class Socket extends EventEmitter {
  readonly sent: Buffer[] = [];
  writable = true;
  destroyed = false;
  #paused = false;
  isPaused = (): boolean => this.#paused;
  pause = (): void => void (this.#paused = true);
  resume = (): void => void (this.#paused = false);
  write = (bytes: Buffer): boolean => this.sent.push(bytes) > 0;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}
const message = (letter: string, body: Buffer | string): Buffer => {
  const bytes = Buffer.from(body as string);
  const head = Buffer.alloc(5);
  head.write(letter, 'latin1');
  head.writeInt32BE(4 + bytes.length, 1);
  return Buffer.concat([head, bytes]);
};
const agreed = message('W', '\0\0\0');
const ready = message('Z', 'I');

function begun(maxBytes = 1 << 24) {
  const socket = new Socket();
  const theirs: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => theirs.push(chunk));
  const arrived: string[] = [];
  const text = ({ bytes, at, end }: Frame): string => bytes.toString('latin1', at, end);
  const copy = new CopyBoth({
    sql: 'START',
    maxBytes,
    tooLong: (n) => new Error(`too long: ${n}`),
    arrived: (frame) => arrived.push(text(frame)),
  });
  copy.submit({ stream: socket, query: () => undefined } as unknown as Connection);
  const feed = (chunk: Buffer): void => void socket.emit('data', chunk);
  const taken = (): string[] => {
    const all: string[] = [];
    for (let frame = copy.take(); frame; frame = copy.take()) all.push(text(frame));
    return all;
  };
  return { socket, copy, feed, taken, arrived, theirs };
}

test('messages come whole and in order, wherever chunks are cut; what is not data goes on to the driver', () => {
  const bodies = fc.array(fc.string({ maxLength: 300, unit: 'binary-ascii' }), { maxLength: 20 });
  const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40 });
  const check = (texts: string[], sizes: number[]): void => {
    const { feed, taken, arrived, theirs, copy } = begun();
    const bytes = Buffer.concat([
      agreed,
      ...texts.flatMap((text) => [message('N', 'notice'), message('d', text)]),
      ready,
    ]);
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const end = Math.min(bytes.length, at + sizes[i % sizes.length]!);
      feed(bytes.subarray(at, end));
      at = end;
    }
    expect(taken()).toEqual(texts);
    expect(arrived).toEqual(texts);
    expect(Buffer.concat(theirs)).toEqual(Buffer.concat([agreed, ...texts.map(() => message('N', 'notice')), ready]));
    expect([copy.began, copy.ended]).toEqual([true, true]);
  };
  fc.assert(fc.property(bodies, cuts, check));
});

test('a socket is paused while a megabyte waits, and goes on when it was read', () => {
  const { socket, copy, feed, taken } = begun();
  feed(agreed);
  const body = 'x'.repeat(300_000);
  const paused = [1, 2, 3, 4].map(() => (feed(message('d', body)), socket.isPaused()));
  expect(paused).toEqual([false, false, false, true]);
  expect(copy.take()).toBeDefined();
  expect(socket.isPaused()).toBe(true);
  expect(taken()).toHaveLength(3);
  expect(socket.isPaused()).toBe(false);
});

test('a message beyond the limit is not even waited for', async () => {
  const { copy, socket, feed } = begun(1000);
  feed(agreed);
  expect(() => feed(message('d', 'x'.repeat(1001)).subarray(0, 5))).toThrow('too long: 1005');
  socket.destroy();
  await expect(copy.more(0)).rejects.toThrow('too long: 1005');
});

test('a closed socket ends a wait, with an error', async () => {
  const { copy, socket, feed } = begun();
  feed(agreed);
  const waiting = copy.more(60_000);
  socket.destroy();
  await waiting;
  await expect(copy.more(0)).rejects.toThrow('Connection terminated');
});

test('a stop ends the stream in both directions, throws away what still comes, and gives the connection back', async () => {
  const { copy, socket, feed, taken, theirs } = begun();
  feed(Buffer.concat([agreed, message('d', 'one')]));
  const stopped = copy.stop(60_000);
  expect(socket.sent).toEqual([message('c', '')]);
  expect(copy.send(Buffer.from('late'))).toBe(false);
  feed(Buffer.concat([message('d', 'two'), message('c', ''), message('C', 'START\0'), ready]));
  await stopped;
  expect([taken(), copy.ended, socket.destroyed]).toEqual([[], true, false]);
  feed(message('T', 'next'));
  expect(theirs.at(-1)).toEqual(message('T', 'next'));
});

test('a server that does not end is cut off', async () => {
  const { copy, socket, feed } = begun();
  feed(agreed);
  await copy.stop(20);
  expect(socket.destroyed).toBe(true);
});
