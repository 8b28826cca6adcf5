import { Duplex } from 'node:stream';
import { guardData } from './guard-data.js';

const socket = (): Duplex => new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
const failureOf = (stream: Duplex): Promise<unknown> => new Promise((resolve) => stream.once('error', resolve));

test('chunks are shown first and then passed on, until the look is taken off', async () => {
  const stream = socket();
  const seen: string[] = [];
  const release = guardData(stream, (chunk) => seen.push(`look ${chunk.toString()}`));
  stream.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
  stream.push('a');
  await new Promise(setImmediate);
  release();
  stream.push('b');
  await new Promise(setImmediate);
  expect(seen).toEqual(['look a', 'a', 'b']);
});

test('what the look refuses never reaches the driver, and destroys the socket', async () => {
  const stream = socket();
  const refusal = new Error('refused');
  guardData(stream, () => {
    throw refusal;
  });
  const passed = jest.fn();
  stream.on('data', passed);
  const failure = failureOf(stream);
  stream.push('a');
  stream.push('b');
  expect(await failure).toBe(refusal);
  expect(passed).not.toHaveBeenCalled();
});

test('a parser that throws ends the socket and not the process, after the look was taken off too', async () => {
  const stream = socket();
  guardData(stream, () => undefined)();
  stream.on('data', () => {
    throw new RangeError('parser');
  });
  const failure = failureOf(stream);
  stream.push('a');
  expect(await failure).toEqual(new RangeError('parser'));
});
