import { parseOptions } from './options.js';

const scenarios = ['pg-pg', 'gateway'];

test('defaults', () =>
  expect(parseOptions([], scenarios)).toEqual({
    only: scenarios,
    rows: 2_000_000,
    rounds: 5,
    large: false,
    installPeers: true,
    without: [],
    strict: false,
    help: false,
  }));

test('all of them', () => {
  const args =
    '--only gateway --rows 50_000 --rounds 2 --large --no-install-peers --without pgloader,duckdb --dir /d --results /r --strict';
  expect(parseOptions(args.split(' '), scenarios)).toEqual({
    only: ['gateway'],
    rows: 50_000,
    rounds: 2,
    large: true,
    installPeers: false,
    without: ['pgloader', 'duckdb'],
    dir: '/d',
    results: '/r',
    strict: true,
    help: false,
  });
});

test.each([
  [['--only', 'pg-oracle'], '--only pg-oracle: there are pg-pg, gateway'],
  [['--rows', '0'], '--rows 0: not a positive whole number'],
  [['--rounds', 'many'], '--rounds many: not a positive whole number'],
])('%j is refused', (args, message) => expect(() => parseOptions(args, scenarios)).toThrow(message));
