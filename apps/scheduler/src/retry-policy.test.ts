import type { RunError } from '@sluice/messages';
import { decide } from './retry-policy.js';

const failed = (cls: RunError['class'], more: object = {}) => ({
  status: 'failed' as const,
  error: { class: cls, code: 'c', message: 'm' },
  attempt: 1,
  maxAttempts: 3,
  fruitless: 1,
  fruitlessInARow: 1,
  lostRunners: 0,
  cancelRequestedAt: null,
  ...more,
});
const middle = 0.5;

test.each(['config', 'data', 'lost-position', 'fenced'] as const)("class '%s' is not retried", (cls) =>
  expect(decide(failed(cls), middle)).toMatchObject({ retry: false }),
);

test.each([
  ['transient, first', failed('transient'), 10_000],
  ['a bug, first', failed('bug'), 10_000],
  ['second in a row', failed('transient', { attempt: 2, fruitless: 2, fruitlessInARow: 2 }), 30_000],
  [
    'third of five in a row',
    failed('transient', { attempt: 3, fruitless: 3, fruitlessInARow: 3, maxAttempts: 5 }),
    90_000,
  ],
  [
    'at most 30 minutes',
    failed('transient', { attempt: 15, fruitless: 15, fruitlessInARow: 15, maxAttempts: 20 }),
    1_800_000,
  ],
  ['after progress it starts again', failed('transient', { attempt: 9, fruitless: 2, fruitlessInARow: 0 }), 10_000],
  ['the first lost runner', failed('heartbeat', { lostRunners: 1 }), 0],
  [
    'the second lost runner',
    failed('heartbeat', { attempt: 2, fruitless: 2, fruitlessInARow: 2, lostRunners: 2 }),
    30_000,
  ],
])('%s', (_what, run, delay) => expect(decide(run, middle)).toEqual({ retry: true, delay }));

test('waits differ by a fifth either way, and scale', () => {
  expect(decide(failed('transient'), 0)).toEqual({ retry: true, delay: 8000 });
  expect(decide(failed('transient'), 0.9999)).toEqual({ retry: true, delay: 12_000 });
  expect(decide(failed('transient'), 0, 0.01)).toEqual({ retry: true, delay: 80 });
});

test('a system that asks for more time gets it', () => {
  const run = failed('transient', {
    error: { class: 'transient', code: 'throttled', message: 'm', retryAfter: 3_600_000 },
  });
  expect(decide(run, middle)).toEqual({ retry: true, delay: 3_600_000 });
});

test.each([
  ['no progress in as many attempts as allowed', { attempt: 3, fruitless: 3, fruitlessInARow: 3 }],
  ['one attempt allowed, even with progress', { maxAttempts: 1, fruitless: 0, fruitlessInARow: 0 }],
  ['twenty attempts, even with progress', { attempt: 20, fruitless: 0, fruitlessInARow: 0 }],
  ['cancelled', { cancelRequestedAt: '2026-01-01T00:00:00.000Z' }],
])('ends: %s', (_what, more) => expect(decide(failed('transient', more), middle)).toMatchObject({ retry: false }));

test('attempts with progress do not count', () =>
  expect(decide(failed('transient', { attempt: 19, fruitless: 2, fruitlessInARow: 1 }), middle)).toMatchObject({
    retry: true,
  }));
