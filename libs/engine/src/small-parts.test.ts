import fc from 'fast-check';
import { ConfigError, DataError, TransientError, type ChangeData, type RowData } from '@sluice/connector-sdk';
import { backoffDelay, defaultBackoff } from './backoff.js';
import { chunks, dataBytes } from './chunks.js';
import { reportError, runOutcome } from './run-outcome.js';
import { pause, within } from './within.js';

test('pieces keep every row in order, within the limit but for rows that are greater by themselves', () => {
  const rows = fc.array(fc.tuple(fc.string({ maxLength: 40 })));
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 60 }), (all, limit) => {
      const parts = [...chunks({ kind: 'rows', stream: 's', rows: all }, limit)] as RowData[];
      expect(parts.flatMap((part) => part.rows)).toEqual(all);
      for (const part of parts) expect(part.rows.length <= 1 || dataBytes(part) <= limit).toBe(true);
    }),
  );
});

test('changes are cut between changes, counting both images', () => {
  const update = { op: 'update', stream: 's', before: ['aaaa'], after: ['bbbb', null] } as const;
  const truncate = { op: 'truncate', stream: 's' } as const;
  const data: ChangeData = { kind: 'changes', changes: [update, truncate, update] };
  expect(dataBytes(data)).toBe(32);
  expect([...chunks(data, 20)].map((part) => (part as ChangeData).changes)).toEqual([[update, truncate], [update]]);
});

test('waits double up to the cap, with full jitter, and are never shorter than what was asked for', () => {
  const waits = [1, 2, 3, 10].map((failures) => backoffDelay(defaultBackoff, failures, 0, 1));
  expect(waits).toEqual([500, 1000, 2000, 15_000]);
  expect(backoffDelay(defaultBackoff, 3, 0, 0.25)).toBe(500);
  expect(backoffDelay(defaultBackoff, 1, 9000, 0)).toBe(9000);
});

test('a wait has a limit, and an abort ends a pause', async () => {
  expect(await within(5, new Promise(() => undefined))).toBe(false);
  expect(await within(1000, Promise.reject(new Error('x')))).toBe(true);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 5);
  const start = performance.now();
  await pause(10_000, stop.signal);
  expect(performance.now() - start).toBeLessThan(1000);
});

test('errors travel as data', () => {
  expect(reportError(new ConfigError('no', { code: 'permission', fix: 'GRANT' }), 's')).toEqual({
    class: 'config',
    code: 'permission',
    message: 'no',
    fix: 'GRANT',
    stream: 's',
  });
  expect(reportError(new TransientError('busy', { retryAfter: 900 }))).toMatchObject({
    class: 'transient',
    retryAfter: 900,
  });
  expect(reportError(new TypeError('x is not a function'))).toEqual({
    class: 'bug',
    code: 'bug',
    message: 'TypeError: x is not a function',
  });
});

const error = reportError(new DataError('bad', { stream: 's' }));
const good = { status: 'succeeded', error: null } as const;
const bad = { status: 'failed', error } as const;
test.each([
  [[good, good], undefined, { status: 'succeeded' }],
  [[good, bad], undefined, { status: 'partial' }],
  [[bad, bad], undefined, { status: 'failed', error }],
  [[good], error, { status: 'failed', error }],
  [[], undefined, { status: 'failed', error: expect.objectContaining({ code: 'no-such-stream' }) }],
])('streams %j and cut %j end as %j', (streams, cut, outcome) => expect(runOutcome(streams, cut)).toEqual(outcome));
