/** A table of every common type, made on one system, and its canonical content on any. */
import type { Database } from './systems.js';

const types = {
  postgres: {
    float: 'double precision',
    moment: 'timestamp(6)',
    instant: 'timestamptz(6)',
    bytes: 'bytea',
    flag: 'boolean',
    json: 'jsonb',
  },
  mysql: {
    float: 'double',
    moment: 'datetime(6)',
    instant: 'timestamp(6) NULL',
    bytes: 'longblob',
    flag: 'boolean',
    json: 'json',
  },
} as const;

export async function makeLedger(db: Database, table: string, keyed = true): Promise<void> {
  const t = types[db.connectorType];
  await db.run(`CREATE TABLE ${db.name(table)} (id bigint NOT NULL ${keyed ? 'PRIMARY KEY' : ''}, qty integer, price decimal(20,4),
    name varchar(100), note text, ok ${t.flag}, day date, made ${t.moment}, updated_at ${t.instant}, body ${t.bytes}, rate ${t.float}, extra ${t.json})`);
}

/** Rows `from`..`to`, each different, with NULLs, quotes, newlines, backslashes, 4-byte characters and extremes among them. */
export async function fillLedger(
  db: Database,
  table: string,
  from: number,
  to: number,
  stamp = '2024-05-06 07:08:09.123456',
): Promise<void> {
  const values: string[] = [];
  for (let i = from; i <= to; i++) values.push(`(${rowOf(db, i, stamp).join(',')})`);
  for (let at = 0; at < values.length; at += 500) {
    await db.run(`INSERT INTO ${db.name(table)} VALUES ${values.slice(at, at + 500).join(',')}`);
  }
}

const texts = [
  '',
  'NULL',
  'it\'s "quoted"',
  'tab\tline\nreturn\r',
  'back\\slash \\N',
  '4 bytes 🚰 ٣',
  ' spaces ',
  'x'.repeat(90),
];
function rowOf(db: Database, i: number, stamp: string): (string | number)[] {
  const text = (value: string): string =>
    `'${(db.connectorType === 'mysql' ? value.replaceAll('\\', '\\\\') : value).replaceAll("'", "''")}'`;
  const bytes = Buffer.from([i & 255, 0, 10, 13, 92, 39, 34, 255]).toString('hex');
  const maybe = <T>(every: number, value: T): T | 'NULL' => (i % every === 0 ? 'NULL' : value);
  return [
    i % 97 === 0 ? `${9223372036854775807n - BigInt(i)}` : i,
    maybe(7, (i * 7919) % 2147483647),
    maybe(5, `${i % 2 ? '-' : ''}${i}12345678.${String(i % 10000).padStart(4, '0')}`),
    maybe(11, text(`name ${i}`)),
    maybe(6, text(texts[i % texts.length]!)),
    maybe(4, i % 2 === 0 ? 'true' : 'false'),
    maybe(9, text(i % 3 ? '2024-02-29' : '1000-01-01')),
    maybe(8, text(`2023-12-31 23:59:59.${String(i % 1000000).padStart(6, '0')}`)),
    text(stamp),
    maybe(13, db.connectorType === 'mysql' ? `x'${bytes}'` : `'\\x${bytes}'`),
    maybe(10, String((i * Math.PI) / 7)),
    maybe(12, text(`{"n": ${i}, "s": "a\\u00e9"}`.replaceAll('\\u00e9', 'é'))),
  ];
}

/** The content as one list of comparable texts, in the order of the key; every system's own spelling is brought to one. */
export async function readLedger(db: Database, table: string): Promise<string[]> {
  const hex = db.connectorType === 'mysql' ? 'lower(hex(body))' : `encode(body, 'hex')`;
  const flag = db.connectorType === 'mysql' ? 'ok' : 'ok::int';
  const moment = (column: string): string =>
    db.connectorType === 'mysql'
      ? column
      : `to_char(${column}${column === 'updated_at' ? ` AT TIME ZONE 'UTC'` : ''}, 'YYYY-MM-DD HH24:MI:SS.US')`;
  const rows =
    await db.rows(`SELECT id, qty, price, name, note, ${flag}, day, ${moment('made')}, ${moment('updated_at')}, ${hex}, rate, extra
    FROM ${db.name(table)} ORDER BY id`);
  return rows.map((row) => JSON.stringify([...row.slice(0, 10), number(row[10]!), json(row[11]!)]));
}
const number = (text: string | null): number | null => (text === null ? null : Number(text));
const json = (text: string | null): unknown => {
  if (text === null) return null;
  const { n, s } = JSON.parse(text) as { n: number; s: string };
  return { n, s };
};
