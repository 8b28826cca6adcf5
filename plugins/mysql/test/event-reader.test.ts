import fc from 'fast-check';
import type { Change, Column } from '@sluice/connector-sdk';
import { MalformedEvent } from '../src/binlog/bytes.js';
import { makeCharsets } from '../src/binlog/charsets.js';
import { EventReader } from '../src/binlog/event-reader.js';
import type { BinlogEvent, RowsEvent, TableMap } from '../src/binlog/events.js';
import { doubleText, jsonText } from '../src/binlog/json-binary.js';
import { applyJsonDiffs } from '../src/binlog/json-diff.js';
import { RowImages } from '../src/binlog/row-image.js';
import { zstd } from '../src/binlog/compressed.js';
import { ZeroDates } from '../src/source/cell.js';
import { counted, event, format, mariadbPacked, part, tableMap, u16, u32, u48, u64, u8 } from './event-maker.js';

const charsets = makeCharsets(new Map([[255, 'utf8mb4']]), new Map());
const reader = (head = format('8.0.36', false)): EventReader => {
  const made = new EventReader();
  made.read(head);
  return made;
};
const read = (bytes: Buffer, from = reader()): BinlogEvent => from.read(bytes).event;

const column = (name: string, native: string, type: Column['type']): Column => ({ name, native, type, nullable: true });
const id = column('id', 'int', 'int32');
const text = column('v', 'varchar(20)', 'string');
const map = tableMap([{ type: 3 }, { type: 15, meta: u16(80) }]);
const images = (wire: TableMap, columns: readonly Column[], places = columns.map((_, i) => i)): RowImages =>
  new RowImages({
    stream: 'db.t',
    columns: columns.map((each, i) => ({
      wire: wire.columns[i]!,
      column: each,
      charset: 'utf8mb4',
      place: places[i]!,
    })),
    width: columns.length,
    context: { charsets, zero: new ZeroDates('reject', 'db.t'), stream: 'db.t' },
  });
/** Both columns in a row: one byte of NULL bits, an INT, a VARCHAR. */
const row = (value: number, v: string): Buffer => Buffer.concat([u8(0), u32(value), counted(v)]);
const changesOf = (rows: BinlogEvent, columns = [id, text]): Change[] => {
  const into: Change[] = [];
  images(read(event(19, map)) as TableMap, columns).read(rows as RowsEvent, into);
  return into;
};

describe('row events, by version', () => {
  const inserted = [{ op: 'insert', stream: 'db.t', after: [5, 'é'] }];
  test('version 1, of MySQL 5.1 with its short table ids', () => {
    const lengths = Array<number>(42).fill(8);
    lengths[18] = 6;
    const old = reader(format('5.1.73', false, {}, lengths));
    const wire = old.read(event(19, tableMap([{ type: 3 }, { type: 15, meta: u16(80) }], undefined, u32(7))))
      .event as TableMap;
    const rows = old.read(event(23, [u32(7), u16(1), u8(2), u8(3), row(5, 'é')])).event;
    expect([wire.tableId, (rows as RowsEvent).tableId]).toEqual([7, 7]);
    expect(changesOf(rows)).toEqual(inserted);
  });
  test('version 2, past extra data that is not ours', () => {
    expect(changesOf(read(event(30, [u48(7), u16(1), u16(6), u8(1, 2, 3, 4), u8(2), u8(3), row(5, 'é')])))).toEqual(
      inserted,
    );
  });
  test.each([166, 169])('compressed by MariaDB, code %i', (code) => {
    const extra = code === 169 ? [u16(2)] : [];
    expect(changesOf(read(event(code, [u48(7), u16(1), ...extra, u8(2), u8(3), mariadbPacked(row(5, 'é'))])))).toEqual(
      inserted,
    );
  });
  test('an update and a delete with only the key before', () => {
    const key = Buffer.concat([u8(0), u32(5)]);
    const changed = Buffer.concat([u8(0), counted('new')]);
    const update = read(event(31, [u48(7), u16(1), u16(2), u8(2), u8(1), u8(2), key, changed]));
    expect(changesOf(update)).toEqual([{ op: 'update', stream: 'db.t', before: [5, undefined], after: [5, 'new'] }]);
    expect(changesOf(read(event(32, [u48(7), u16(1), u16(2), u8(2), u8(1), key])))).toEqual([
      { op: 'delete', stream: 'db.t', before: [5, undefined] },
    ]);
  });
  test('several rows, with NULLs', () => {
    const rows = [row(1, 'a'), Buffer.concat([u8(2), u32(2)]), row(3, '')];
    expect(
      changesOf(read(event(30, [u48(7), u16(1), u16(2), u8(2), u8(3), ...rows]))).map(
        (each) => 'after' in each && each.after,
      ),
    ).toEqual([
      [1, 'a'],
      [2, null],
      [3, ''],
    ]);
  });
});

test('a table map with all that FULL metadata says', () => {
  const columns = [
    { type: 3 },
    { type: 8 },
    { type: 15, meta: u16(80) },
    { type: 254, meta: u8(247, 1) },
    { type: 246, meta: u8(10, 2) },
  ];
  const optional = Buffer.concat([
    part(1, u8(0b0100_0000)),
    part(2, u8(0xfc, 255, 0)),
    part(4, Buffer.concat(['id', 'n', 'v', 'e', 'd'].map(counted))),
    part(6, Buffer.concat([u8(2), counted('x'), counted('yy')])),
    part(8, u8(0)),
    part(10, u8(0xfc, 255, 0)),
    part(200, u8(1, 2, 3)), // of a later server
  ]);
  const found = read(event(19, tableMap(columns, optional))) as TableMap;
  expect([found.schema, found.table, found.named, found.key]).toEqual(['db', 't', true, [0]]);
  expect(
    found.columns.map(({ name, unsigned, collation, members }) => [name, unsigned, collation, members?.map(String)]),
  ).toEqual([
    ['id', false, undefined, undefined],
    ['n', true, undefined, undefined],
    ['v', undefined, 255, undefined],
    ['e', undefined, 255, ['x', 'yy']],
    ['d', false, undefined, undefined],
  ]);
});

describe('what names a transaction', () => {
  const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  const raw = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  test('MySQL', () => {
    expect(read(event(33, [u8(1), raw, u64(23n), u8(2), u64(1n), u64(2n)]))).toEqual({
      kind: 'gtid',
      uuid,
      tag: '',
      number: 23n,
    });
  });
  test('MySQL with a tag', () => {
    const bytes = [...raw].map((byte) => (byte < 128 ? u8(byte << 1) : u8(((byte & 63) << 2) | 1, byte >> 6)));
    const message = [
      u8(0),
      u8(60),
      u8(22),
      u8(0, 2),
      u8(2),
      ...bytes,
      u8(4),
      u8(((300 << 3) & 255) | 1, (300 << 3) >> 8),
      u8(6),
      u8(3 << 1),
      Buffer.from('abc'),
      u8(8, 0),
    ];
    expect(read(event(42, message))).toEqual({ kind: 'gtid', uuid, tag: 'abc', number: 300n });
  });
  test('MariaDB', () => {
    expect(read(event(162, [u64(77n), u32(3), u8(1)]))).toEqual({
      kind: 'mariadb-gtid',
      domain: 3,
      serverId: 1,
      sequence: 77n,
      standalone: true,
      prepared: false,
    });
  });
});

describe('statements', () => {
  const query = (sql: Buffer): Buffer[] => [
    u32(1),
    u32(0),
    u8(2),
    u16(0),
    u16(14),
    u8(0),
    u32(0),
    u8(1),
    u64(1n << 20n),
    Buffer.from('db\0'),
    sql,
  ];
  const expected = { kind: 'query', schema: 'db', sql: 'CREATE TABLE é (a int)', sqlMode: 1n << 20n };
  test('plain', () => expect(read(event(2, query(Buffer.from(expected.sql))))).toEqual(expected));
  test('compressed', () => expect(read(event(165, query(mariadbPacked(Buffer.from(expected.sql)))))).toEqual(expected));
});

describe('a packed transaction', () => {
  const inner = Buffer.concat([
    event(19, map, { next: 0 }),
    event(30, [u48(7), u16(1), u16(2), u8(2), u8(3), row(5, 'é')], { next: 0 }),
    event(16, [u64(9n)], { next: 0 }),
  ]);
  const payload = (kind: number, bytes: Buffer): Buffer =>
    event(
      40,
      [
        u8(2),
        u8(kind === 0 ? 1 : 3),
        kind === 0 ? u8(0) : u8(0xfc, 255, 0),
        u8(3, 3, 0xfc),
        u16(inner.length),
        u8(1, 3, 0xfc),
        u16(bytes.length),
        u8(0),
        bytes,
      ],
      { checksum: true },
    );
  const kinds = (bytes: Buffer): unknown => {
    const found = read(bytes, reader(format('8.0.36', true)));
    return found.kind === 'payload' && found.events.map((each) => each.event.kind);
  };
  test('not compressed', () => expect(kinds(payload(255, inner))).toEqual(['table-map', 'rows', 'xid']));
  // One frame of one raw block: what any zstd reads.
  const frame = Buffer.concat([
    Buffer.from('28b52ffd60', 'hex'),
    u16(inner.length - 256),
    Buffer.from([1 | ((inner.length << 3) & 255), (inner.length >> 5) & 255, inner.length >> 13]),
    inner,
  ]);
  test(`zstd, which Node ${process.versions.node} ${zstd === undefined ? 'lacks' : 'has'}`, () => {
    if (zstd === undefined) expect(() => kinds(payload(0, frame))).toThrow(/cannot read/);
    else expect(kinds(payload(0, frame))).toEqual(['table-map', 'rows', 'xid']);
  });
});

describe('checksums', () => {
  const xid = event(16, [u64(9n)], { checksum: true });
  test('right ones pass, wrong ones do not', () => {
    const from = reader(format('8.0.36', true));
    expect(from.read(xid).event).toEqual({ kind: 'xid' });
    for (let i = 0; i < xid.length; i++) {
      const torn = Buffer.from(xid);
      torn[i]! ^= 1;
      expect(() => from.read(torn)).toThrow(MalformedEvent);
    }
  });
  test('the head of a file that is being written', () => {
    const head = format('8.0.36', true);
    head.writeUInt16LE(1, 17); // the flag that its checksum leaves out
    expect(new EventReader().read(head).event).toEqual({ kind: 'format', server: '8.0.36', checksums: true });
  });
  test('the first event, before any head, with and without one', () => {
    const name = [u64(4n), Buffer.from('bin.000042')];
    for (const checksum of [true, false])
      expect(new EventReader().read(event(4, name, { time: 0, flags: 0x20, checksum })).event).toEqual({
        kind: 'rotate',
        position: 4n,
        file: 'bin.000042',
      });
  });
  test('servers before checksums', () => {
    expect(new EventReader().read(format('5.5.62', false)).event).toMatchObject({ checksums: false });
  });
});

describe('events that are not known', () => {
  test('are passed over when the server says so', () =>
    expect(read(event(99, [u8(1)], { flags: 0x80 }))).toEqual({ kind: 'skipped' }));
  test('are an error else', () => expect(() => read(event(99, [u8(1)]))).toThrow(/type 99 is not known/));
});

test('an event that is cut anywhere is an error, and never a wrong value', () => {
  const whole = [
    event(19, map),
    event(30, [u48(7), u16(1), u16(2), u8(2), u8(3), row(5, 'é'), row(6, 'longer text')]),
    event(31, [u48(7), u16(1), u16(2), u8(2), u8(3), u8(3), row(5, 'a'), row(5, 'b')]),
    event(162, [u64(77n), u32(3), u8(1)]),
  ];
  const all = changesOf(read(whole[1]!));
  for (const bytes of whole) {
    for (let end = 19; end < bytes.length; end++) {
      const cut = Buffer.from(bytes.subarray(0, end));
      cut.writeUInt32LE(end, 9);
      let found: Change[] = [];
      try {
        const what = read(cut);
        if (what.kind === 'rows') found = changesOf(what);
        else if (what.kind !== 'table-map') throw new Error(`read a cut ${what.kind}`);
      } catch (error) {
        if (!(error instanceof MalformedEvent)) throw error;
      }
      // Cut between two rows it is a shorter event, which the checksum finds.
      if (bytes === whole[1]) expect(all.slice(0, found.length)).toEqual(found);
    }
  }
});

test('noise is an error or an event, nothing else, and ends', () => {
  const from = reader();
  const codes = fc.constantFrom(2, 4, 16, 19, 23, 24, 25, 30, 31, 32, 33, 38, 39, 40, 42, 162, 165, 166, 169);
  fc.assert(
    fc.property(codes, fc.uint8Array({ maxLength: 200 }), (code, noise) => {
      try {
        const found = from.read(event(code, [Buffer.from(noise)])).event;
        if (found.kind === 'rows' && found.columns === 2) changesOf(found);
      } catch (error) {
        if (!(error instanceof MalformedEvent) && !/cannot read/.test(String(error))) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

describe('JSON', () => {
  /** {"a": 1, "bb": "é"} */
  const object = Buffer.concat([
    u8(0),
    u16(2),
    u16(24),
    u16(18),
    u16(1),
    u16(19),
    u16(2),
    u8(5),
    u16(1),
    u8(12),
    u16(21),
    Buffer.from('abb'),
    counted('é'),
  ]);
  test('an object', () => expect(jsonText(object)).toBe('{"a": 1, "bb": "é"}'));
  const list = Buffer.concat([u8(2), u16(3), u16(13), u8(5), u16(1), u8(4), u16(0), u8(5), u16(0xffff)]);
  test('an array with small numbers and a literal', () => expect(jsonText(list)).toBe('[1, null, -1]'));
  test('nothing at all is null', () => expect(jsonText(Buffer.alloc(0))).toBe('null'));
  test.each([
    [1, '1.0'],
    [0, '0.0'],
    [-0, '-0.0'],
    [0.1, '0.1'],
    [1e14, '100000000000000.0'],
    [1e16, '1e16'],
    [1234567890123456.8, '1234567890123456.8'],
    [6.02214076e23, '6.02214076e23'],
    [-1.5e-10, '-0.00000000015'],
    [1e-20, '1e-20'],
  ])('%d is written %s', (value, written) => expect(doubleText(value)).toBe(written));
  test('differences', () => {
    const int = (value: number): Buffer => counted(Buffer.concat([u8(5), u16(value)]));
    const diffs = [
      [u8(0), counted('$.a'), int(2)],
      [u8(1), counted('$."c d"'), int(3)],
      [u8(1), counted('$.b'), int(4)],
      [u8(2), counted('$.bb')],
    ].flat();
    expect(applyJsonDiffs(object, Buffer.concat(diffs))).toBe('{"a": 2, "b": 4, "c d": 3}');
    expect(applyJsonDiffs(list, Buffer.concat([u8(1), counted('$[1]'), int(7), u8(2), counted('$[0]')]))).toBe(
      '[7, null, -1]',
    );
    expect(() => applyJsonDiffs(list, Buffer.concat([u8(2), counted('$[9]')]))).toThrow(MalformedEvent);
  });
  test('a partial update in a row event', () => {
    const columns = [id, column('j', 'json', 'json')];
    const wire = read(event(19, tableMap([{ type: 3 }, { type: 245, meta: u8(4) }]))) as TableMap;
    const before = Buffer.concat([u8(0), u32(5), u32(object.length), object]);
    const diff = Buffer.concat([u8(0), counted('$.a'), counted(Buffer.concat([u8(5), u16(2)]))]);
    const after = Buffer.concat([u8(1), u8(1), u8(0), u32(5), u32(diff.length), diff]);
    const into: Change[] = [];
    images(wire, columns).read(
      read(event(39, [u48(7), u16(1), u16(2), u8(2), u8(3), u8(3), before, after])) as RowsEvent,
      into,
    );
    expect(into).toEqual([
      { op: 'update', stream: 'db.t', before: [5, '{"a": 1, "bb": "é"}'], after: [5, '{"a": 2, "bb": "é"}'] },
    ]);
  });
});
