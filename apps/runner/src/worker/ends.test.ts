import { DataError, TransientError, type Batch, type RawData, type SourceSession } from '@sluice/connector-sdk';
import { ofEnd, reportWithEnd, sessionOfEnd } from './ends.js';

const source = { role: 'source', name: 'orders' } as const;
const destination = { role: 'destination', name: 'ware"house' } as const;
const thrown = (work: () => unknown): Promise<unknown> =>
  (async () => work())().then(
    () => undefined,
    (error: unknown) => error,
  );

test('an error of the contract begins with its end, once, and is reported with it', () => {
  const error = new TransientError('the line was cut', { code: 'connection-lost' });
  expect(ofEnd(ofEnd(error, destination), source)).toBe(error);
  expect(reportWithEnd(error)).toEqual({
    class: 'transient',
    code: 'connection-lost',
    message: 'destination "ware\\"house": the line was cut',
    end: 'destination',
  });
});

test('what one end wraps of the other stays of the other', () => {
  const cause = ofEnd(new TransientError('gone'), source);
  const wrapped = ofEnd(new DataError('could not load', { stream: 's', cause }), destination);
  expect(reportWithEnd(wrapped, 's')).toMatchObject({ end: 'source', message: 'source "orders": could not load' });
});

test('a bug keeps its own message; what no end has thrown has no end', () => {
  const bug = new TypeError('x is undefined');
  expect(reportWithEnd(ofEnd(bug, source))).toMatchObject({
    class: 'bug',
    end: 'source',
    message: 'source "orders": TypeError: x is undefined',
  });
  expect(bug.message).toBe('x is undefined');
  expect(reportWithEnd(new Error('y'))).toEqual({ class: 'bug', code: 'bug', message: 'Error: y' });
});

test('members, iterations and bodies of a session throw with its end; the rest is as it was', async () => {
  class Session {
    #streams = ['a'];
    discover = async () => this.#streams;
    check(): Promise<never> {
      return Promise.reject(new TransientError('check'));
    }
    async *read(): AsyncGenerator<Batch> {
      const body = (async function* () {
        yield new Uint8Array([7]);
        throw new TransientError('body');
      })();
      yield { kind: 'raw', stream: 's', encoding: 'csv/1', body, rows: () => 3, checkpoint: { v: 1 } };
      throw new TransientError('read');
    }
    async [Symbol.asyncDispose](): Promise<void> {}
  }
  const session = sessionOfEnd(Object.freeze(new Session()) as unknown as SourceSession, source);
  expect([await session.discover(), session.confirm, 'split' in session, 'read' in session]).toEqual([
    ['a'],
    undefined,
    false,
    true,
  ]);
  expect(await thrown(() => session.check())).toMatchObject({ message: 'source "orders": check' });
  const batches = session.read([])[Symbol.asyncIterator]();
  const raw = (await batches.next()).value as RawData;
  expect(raw).toMatchObject({ kind: 'raw', stream: 's', encoding: 'csv/1', checkpoint: { v: 1 } });
  expect(raw.rows()).toBe(3);
  const body = raw.body[Symbol.asyncIterator]();
  expect((await body.next()).value).toEqual(new Uint8Array([7]));
  expect(await thrown(() => body.next())).toMatchObject({ message: 'source "orders": body' });
  expect(await thrown(() => batches.next())).toMatchObject({ message: 'source "orders": read' });
});

test('an iteration that is given up is given up in the plugin too', async () => {
  let ended = false;
  const read = async function* (): AsyncGenerator<Batch> {
    try {
      yield { kind: 'idle', checkpoint: { v: 1 } };
    } finally {
      ended = true;
    }
  };
  for await (const _ of sessionOfEnd({ read }, source).read()) break;
  expect(ended).toBe(true);
});
