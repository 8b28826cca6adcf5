import { Clock, type Entry, type Started } from './clock.js';

const day = 24 * 3600_000;
const entry = (pipelineId: string, cron: string, more: Partial<Entry> = {}): Entry => ({
  pipelineId,
  tenantId: 't',
  schedule: { kind: 'cron', cron },
  lastDueAt: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  ...more,
});

function testClock(outcome: (entry: Entry) => Started = () => 'started') {
  const started: string[] = [];
  const planned: Record<string, string | null> = {};
  const clock = new Clock({
    start: async (e, dueAt) => {
      started.push(`${e.pipelineId} ${dueAt.toISOString().slice(0, 16)}`);
      return outcome(e);
    },
    planned: async (id, next) => void (planned[id] = next?.toISOString().slice(0, 16) ?? null),
    logger: { warn: () => undefined },
  });
  return { clock, started, planned };
}

beforeEach(() => jest.useFakeTimers({ now: new Date('2026-01-01T00:00:00Z'), doNotFake: ['setImmediate'] }));
afterEach(() => jest.useRealTimers());

test('starts each at its time, and says what comes next', async () => {
  const { clock, started, planned } = testClock();
  await clock.load([entry('a', '0 2 * * *'), entry('b', '30 1 * * *')]);
  expect(planned).toEqual({ a: '2026-01-01T02:00', b: '2026-01-01T01:30' });
  await jest.advanceTimersByTimeAsync(day + 1);
  expect(started).toEqual(['b 2026-01-01T01:30', 'a 2026-01-01T02:00']);
  expect(planned).toEqual({ a: '2026-01-02T02:00', b: '2026-01-02T01:30' });
  clock.stop();
  await jest.advanceTimersByTimeAsync(3 * day);
  expect(started).toHaveLength(2);
});

test('runs missed while it was down are caught up with once, for the latest of them', async () => {
  jest.setSystemTime(new Date('2026-01-10T12:00:00Z'));
  const { clock, started } = testClock();
  await clock.load([
    entry('missed', '0 2 * * *', { lastDueAt: '2026-01-05T02:00:00.000Z' }),
    entry('done', '0 2 * * *', { lastDueAt: '2026-01-10T02:00:00.000Z' }),
    entry('new', '0 2 * * *', { createdAt: '2026-01-10T11:59:00.000Z' }),
  ]);
  await jest.advanceTimersByTimeAsync(1000);
  expect(started).toEqual(['missed 2026-01-10T02:00']);
  clock.stop();
});

test('what is skipped waits for its next time; what could not be asked for is asked for again; what is gone is forgotten', async () => {
  let away = 2;
  const { clock, started } = testClock(({ pipelineId }) =>
    pipelineId === 'busy' ? 'skipped' : pipelineId === 'gone' ? 'gone' : away-- > 0 ? 'later' : 'started',
  );
  await clock.load([entry('busy', '0 * * * *'), entry('gone', '0 * * * *'), entry('away', '5 * * * *')]);
  await jest.advanceTimersByTimeAsync(2 * 3600_000 + 1);
  expect(started.filter((line) => line.startsWith('busy'))).toEqual(['busy 2026-01-01T01:00', 'busy 2026-01-01T02:00']);
  expect(started.filter((line) => line.startsWith('gone'))).toEqual(['gone 2026-01-01T01:00']);
  expect(started.filter((line) => line.startsWith('away')).slice(0, 3)).toEqual(Array(3).fill('away 2026-01-01T00:05'));
  expect(clock.size).toBe(2);
  clock.stop();
});

test('a changed schedule replaces the old one, a removed one is dropped, an equal one goes on', async () => {
  const { clock, started } = testClock();
  await clock.load([entry('a', '0 2 * * *'), entry('b', '0 3 * * *'), entry('c', '0 4 * * *')]);
  await clock.load([entry('a', '0 5 * * *'), entry('c', '0 4 * * *')]);
  await jest.advanceTimersByTimeAsync(day);
  expect(started).toEqual(['c 2026-01-01T04:00', 'a 2026-01-01T05:00']);
  clock.stop();
});

test('a schedule that cannot be understood does not harm the others', async () => {
  const { clock, started } = testClock();
  await clock.load([entry('bad', 'every day'), entry('good', '0 2 * * *')]);
  await jest.advanceTimersByTimeAsync(day);
  expect(started).toEqual(['good 2026-01-01T02:00']);
  clock.stop();
});

test('10,000 schedules: every one at its minute', async () => {
  const { clock, started } = testClock();
  await clock.load(
    Array.from({ length: 10_000 }, (_, i) =>
      entry(`p${i}`, `${i % 60} ${i % 3} * * *`, { createdAt: '2025-12-31T23:59:00.000Z' }),
    ),
  );
  await jest.advanceTimersByTimeAsync(3 * 3600_000);
  expect(started).toHaveLength(10_000);
  expect(new Set(started).size).toBe(10_000);
  expect(started[0]).toMatch(/2026-01-01T00:00$/);
  for (const line of started) {
    const i = Number(line.slice(1, line.indexOf(' ')));
    expect(line.slice(-5)).toBe(`0${i % 3}:${String(i % 60).padStart(2, '0')}`);
  }
  clock.stop();
}, 30_000);
