import type { Column, LogicalType, Stream } from '@sluice/connector-sdk';
import { planRun, type PlanInput, type StreamBinding } from './plan-run.js';

const column = (name: string, type: LogicalType): Column => ({ name, type, nullable: false, native: type });
function stream(id: string, columns: Record<string, LogicalType>, extra: Partial<Stream> = {}): Stream {
  const all = Object.entries(columns).map(([name, type]) => column(name, type));
  const cursors = all.filter(({ type }) => type !== 'string').map(({ name }) => name);
  return {
    id,
    path: id.split('.'),
    kind: 'table',
    columns: all,
    key: ['id'],
    modes: ['full', 'cursor'],
    cursors,
    ...extra,
  };
}
const orders = stream('public.orders', {
  id: 'int64',
  note: 'string',
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
});
const plan = (
  streams: readonly Stream[],
  bindings: readonly StreamBinding[] | null = null,
  extra: Partial<PlanInput> = {},
) =>
  planRun({ pipelineId: 'p', mode: 'full', streams, bindings, writeModes: ['append', 'upsert', 'replace'], ...extra });
const incremental = { mode: 'incremental' } as const;
const refusals = (result: ReturnType<typeof plan>) =>
  result.refused.map(({ stream, error }) => [stream, error.code, error.message, error.fix]);

test('a full load replaces the table of the same name', () => {
  expect(plan([orders]).lanes).toEqual([
    {
      id: 'p/full/public.orders',
      request: { stream: orders, mode: 'full' },
      target: { table: ['orders'], mode: 'replace', key: ['id'] },
    },
  ]);
});

test('an incremental one upserts by key or appends without, from a cursor', () => {
  const log = stream('app.log', { at: 'timestamp', text: 'string' }, { key: [] });
  const { lanes, refused } = plan([orders, log], null, incremental);
  expect(refused).toEqual([]);
  expect(lanes.map(({ id, request, target }) => [id, request.mode, request.cursor, target.mode, target.key])).toEqual([
    ['p/incremental/public.orders', 'cursor', 'updated_at', 'upsert', ['id']],
    ['p/incremental/app.log', 'cursor', 'at', 'append', []],
  ]);
});

test('a binding chooses columns, key, cursor and target', () => {
  const binding = {
    stream: 'orders',
    columns: ['note', 'id', 'created_at'],
    key: ['note'],
    cursor: 'id',
    targetTable: 'sales."or.ders"',
  };
  const [lane] = plan([orders], [binding], incremental).lanes;
  expect(lane!.request.stream.columns.map(({ name }) => name)).toEqual(['id', 'note', 'created_at']);
  expect(lane!.request.stream.cursors).toEqual(['id', 'created_at']);
  expect([lane!.request.cursor, lane!.request.stream.key]).toEqual(['id', ['note']]);
  expect(lane!.target).toEqual({ table: ['sales', 'or.ders'], mode: 'upsert', key: ['note'] });
});

test.each<[Record<string, LogicalType>, string]>([
  [{ id: 'int64', name: 'string' }, 'id'],
  [{ id: 'int64', born: 'date' }, 'born'],
  [{ id: 'int64', born: 'date', last_modified: 'timestamp' }, 'last_modified'],
  [{ id: 'int64', born: 'date', died: 'date' }, 'id'],
])('of %j the cursor is %s', (columns, cursor) => {
  expect(plan([stream('s.t', columns)], null, incremental).lanes[0]!.request.cursor).toBe(cursor);
});

test('a cursor that is not clear is asked for, with the choices', () => {
  const twice = stream('s.twice', { id: 'uuid', updated_at: 'timestamp', changed_on: 'date' });
  const none = stream('s.none', { id: 'string' });
  const wrong = { stream: 'public.orders', cursor: 'note' };
  expect(refusals(plan([twice, none], null, incremental))).toEqual([
    [
      's.twice',
      'config-invalid',
      expect.stringContaining('s.twice'),
      'set cursor to one of: id, updated_at, changed_on',
    ],
    ['s.none', 'config-invalid', expect.stringContaining('s.none'), 'sync this stream in mode full'],
  ]);
  expect(refusals(plan([orders], [wrong], incremental))[0]![3]).toBe(
    'set cursor to one of: id, created_at, updated_at',
  );
});

test.each<[string, StreamBinding, string, RegExp]>([
  ['an unknown stream', { stream: 'x' }, 'no-such-stream', /no stream x.*public\.orders/],
  ['an ambiguous name', { stream: 'twin' }, 'no-such-stream', /a\.twin or b\.twin/],
  ['an unknown column', { stream: 'orders', columns: ['id', 'x'] }, 'config-invalid', /no column x.*note/],
  ['an unknown key', { stream: 'orders', key: ['x'] }, 'config-invalid', /no column x/],
  ['a key that is not selected', { stream: 'orders', key: ['id'], columns: ['note'] }, 'config-invalid', /add id/],
  ['no column', { stream: 'orders', columns: [] }, 'config-invalid', /no column/],
  [
    'a table of our own',
    { stream: 'orders', targetTable: 'b._Sluice_checkpoints' },
    'config-invalid',
    /keeps for itself/,
  ],
  ['a bad target', { stream: 'orders', targetTable: 'a..b' }, 'config-invalid', /name of a table/],
  ['a view that cannot be read', { stream: 'v' }, 'unsupported', /view s\.v.*no mode/],
])('%s is refused by name, and the others go on', (_what, binding, code, text) => {
  const view = stream('s.v', { id: 'int32' }, { kind: 'view', modes: [] });
  const twins = [stream('a.twin', { id: 'int32' }), stream('b.twin', { id: 'int32' })];
  const { lanes, refused } = plan([orders, view, ...twins], [binding, { stream: 'a.twin' }]);
  expect(lanes.map(({ request }) => request.stream.id)).toEqual(['a.twin']);
  expect([refused.length, refused[0]!.error.code]).toEqual([1, code]);
  expect(`${refused[0]!.error.message} ${refused[0]!.error.fix ?? ''}`).toMatch(text);
});

test('two streams for one table are both refused', () => {
  const streams = [stream('a.t', { id: 'int32' }), stream('b.t', { id: 'int32' }), orders];
  const { lanes, refused } = plan(streams);
  expect(lanes.map(({ request }) => request.stream.id)).toEqual(['public.orders']);
  expect(refused.map(({ stream: id }) => id)).toEqual(['a.t', 'b.t']);
  expect(refused[0]!.error.fix).toContain('targetTable');
  const apart = [{ stream: 'a.t', targetTable: 'a_t' }, { stream: 'b.t' }];
  expect(plan(streams, apart).refused).toEqual([]);
});

test('a key that is not among the selected columns is not used by itself', () => {
  const [lane] = plan([orders], [{ stream: 'orders', columns: ['note', 'updated_at'] }], incremental).lanes;
  expect([lane!.target.mode, lane!.request.stream.key]).toEqual(['append', []]);
});

test('a destination that cannot write so says so', () => {
  expect(refusals(plan([orders], null, { writeModes: ['append'] }))[0]![1]).toBe('unsupported');
});
