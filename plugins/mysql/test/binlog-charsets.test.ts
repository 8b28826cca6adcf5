import type { Change } from '@sluice/connector-sdk';
import { followed, here, rowsOf, streamsOf } from './changes-lab.js';
import { Lab, servers } from './lab.js';

/** Characters of the first plane that a character set may have; not the halves of pairs. */
const points = Array.from({ length: 0x1_0000 }, (_, i) => i).filter((i) => i > 0x1f && (i < 0xd800 || i > 0xdfff));
const chunks = Array.from({ length: Math.ceil(points.length / 2000) }, (_, i) =>
  points.slice(i * 2000, (i + 1) * 2000),
);
const hexOf = (chunk: readonly number[]): string => Buffer.from(String.fromCodePoint(...chunk)).toString('hex');

describe.each(servers)('every character of every character set, %s', (_name, url) => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open(url);
  });
  afterEach(() => lab.tidy());
  afterAll(() => lab.close());

  test('is what a full read makes of it', async () => {
    const sets = (
      await lab.sql(
        `SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS WHERE CHARACTER_SET_NAME <> 'binary'`,
      )
    ).map(([set]) => set!);
    const tables: string[] = [];
    for (const set of sets) {
      tables.push(`cs_${set}`);
      await lab.sql(`CREATE TABLE cs_${set} (id int primary key, v longtext character set ${set})`);
    }
    const streams = await streamsOf(lab, ...tables);
    const after = await here(lab);
    const ids = chunks.map((chunk, id) => `(${id}, CONVERT(X'${hexOf(chunk)}' USING utf8mb4))`).join(', ');
    await lab.sql('CREATE TABLE all_points (id int primary key, v longtext character set utf8mb4)');
    await lab.sql(`INSERT INTO all_points VALUES ${ids}`);
    for (const table of tables) await lab.sql(`INSERT IGNORE INTO ${table} SELECT id, v FROM all_points`);
    const { changes } = await followed(lab, streams, { after });
    const different: string[] = [];
    for (const { stream } of streams) {
      const logged = changes
        .filter((change) => change.stream === stream.id)
        .map((change) => (change as Extract<Change, { op: 'insert' }>).after);
      const rows = await rowsOf(lab, stream);
      expect(logged).toHaveLength(rows.length);
      for (const [i, row] of rows.entries()) {
        const [want, got] = [[...String(row[1])], [...String(logged[i]?.[1])]];
        want.forEach((character, at) => {
          if (character !== got[at])
            different.push(
              `${stream.path[1]} ${character.codePointAt(0)!.toString(16)} is ${got[at]?.codePointAt(0)?.toString(16)}`,
            );
        });
      }
    }
    expect(different).toEqual([]);
  });
});
