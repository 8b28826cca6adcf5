import { occurrencesOf } from './occurrences.js';

const next = (cron: string, timezone: string | undefined, from: string, n: number): string[] => {
  const occurrences = occurrencesOf({ kind: 'cron', cron, ...(timezone !== undefined && { timezone }) });
  const found: string[] = [];
  for (let time = new Date(from); found.length < n;) {
    time = occurrences.after(time)!;
    found.push(time.toISOString().slice(0, 16));
  }
  return found;
};

test.each([
  [
    'UTC when no zone is given',
    '0 2 * * *',
    undefined,
    '2026-03-28T02:00:00Z',
    ['2026-03-29T02:00', '2026-03-30T02:00'],
  ],
  ['a zone', '0 2 * * *', 'America/New_York', '2026-01-01T00:00:00Z', ['2026-01-01T07:00', '2026-01-02T07:00']],
  // Clocks in Berlin go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
  [
    'a time in the gap: once, after the jump',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00:00Z',
    ['2026-03-29T01:00', '2026-03-30T00:30'],
  ],
  [
    'a time that comes twice: once, at the first',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-24T12:00:00Z',
    ['2026-10-25T00:30', '2026-10-26T01:30'],
  ],
  [
    'several times of day count as such',
    '30 2,14 * * *',
    'Europe/Berlin',
    '2026-10-24T22:00:00Z',
    ['2026-10-25T00:30', '2026-10-25T13:30'],
  ],
  [
    'every hour, through the gap',
    '0 * * * *',
    'Europe/Berlin',
    '2026-03-29T00:00:00Z',
    ['2026-03-29T01:00', '2026-03-29T02:00'],
  ],
  [
    'every hour, in both passes',
    '0 * * * *',
    'Europe/Berlin',
    '2026-10-24T23:30:00Z',
    ['2026-10-25T00:00', '2026-10-25T01:00', '2026-10-25T02:00'],
  ],
])('%s', (_what, cron, zone, from, expected) => expect(next(cron, zone, from, expected.length)).toEqual(expected));

test('the last one up to a moment includes that moment', () => {
  const { upTo } = occurrencesOf({ kind: 'cron', cron: '0 2 * * *' });
  expect(upTo(new Date('2026-03-03T02:00:00Z'))?.toISOString()).toBe('2026-03-03T02:00:00.000Z');
  expect(upTo(new Date('2026-03-03T01:59:59.999Z'))?.toISOString()).toBe('2026-03-02T02:00:00.000Z');
});

test('six fields are not five', () => expect(() => occurrencesOf({ kind: 'cron', cron: '0 0 2 * * *' })).toThrow());
