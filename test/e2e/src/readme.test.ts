/** The commands of README.md, as they stand there, against a running platform. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { local, root } from './local.js';
import { systems, type Database } from './systems.js';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text = '']) => text);
const isNpm = (block: string): boolean => block.split('\n').every((line) => line === '' || line.startsWith('npm '));
const walk = blocks.filter((block) => !isNpm(block)).join('\n');
const commands = blocks.filter(isNpm).flatMap((block) => block.match(/^npm [^#\n]*[^#\n ]/gm) ?? []);

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}
function bash(script: string, cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => (out += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (err += piece.toString()));
  return new Promise((done) => child.once('close', (code) => done({ code, out, err })));
}

/** The text with the connection of that host replaced by a real one; each stands there exactly once. */
function connectedTo(text: string, host: string, { config }: Database): string {
  const parts = text.split(new RegExp(`\\{\\s*"host": "${host.replaceAll('.', '\\.')}"[^}]*\\}`));
  if (parts.length !== 2) throw new Error(`README.md has ${parts.length - 1} connections to ${host}, expected one`);
  return parts.join(JSON.stringify(config));
}

test('every command block is run here', () => {
  expect(commands).toEqual(['npm run demo', 'npm run demo -- --exit', 'npm test']);
  expect(blocks.filter((block) => !isNpm(block))).toHaveLength(1);
});

describe('a sync over REST', () => {
  let folder: string;
  let shop: Database;
  let warehouse: Database;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-readme-'));
    symlinkSync(local().dataDir, join(folder, '.sluice'));
    [shop, warehouse] = await Promise.all([systems.postgres(), systems.mysql()]);
    await shop.run(`CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(12,2));
      INSERT INTO orders SELECT g, g / 4.0 FROM generate_series(1, 1000) g;
      CREATE TABLE customers (id int PRIMARY KEY, name text); INSERT INTO customers VALUES (1, 'Zoë'), (2, NULL)`);
  });
  afterAll(async () => {
    await shop.drop();
    await warehouse.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the walk-through as it stands copies the tables', async () => {
    const script = connectedTo(connectedTo(walk, 'db.example.com', shop), 'dw.example.com', warehouse);
    const { code, out, err } = await bash(script, folder);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const answers = out.split('\n').filter((line) => line.startsWith('{'));
    const all = answers.map((line) => JSON.parse(line) as Record<string, unknown>);
    // both tests and the findings, what there is to read, and the sync at its end
    const statuses = all.map(({ status }) => status);
    expect(statuses).toEqual(['ACTIVE', 'ACTIVE', 'ACTIVE', undefined, 'SUCCEEDED']);
    expect(all.flatMap(({ streams }) => streams ?? [])).toHaveLength(2);
    expect(out).toMatch(/^event: finished$/m);
    expect(all.at(-1)).toMatchObject({ status: 'SUCCEEDED', recordsSynced: 1002 });
    expect(await warehouse.rows('SELECT count(*), sum(total) FROM orders')).toEqual([['1000', '125125.00']]);
    expect(await warehouse.rows('SELECT * FROM customers ORDER BY id')).toEqual([
      ['1', 'Zoë'],
      ['2', null],
    ]);
  }, 120_000);

  test('a request that is refused shows why, and ends there: here a second time with the same names', async () => {
    const { code, out, err } = await bash(connectedTo(walk, 'db.example.com', shop), folder);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('A source named \\"shop\\" exists already');
  });
});

test('npm run demo -- --exit', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-readme-demo-'));
  try {
    const { code, out, err } = await bash(`chmod 755 "$SLUICE_DATA_DIR"; ${commands[1]}`, root, {
      SLUICE_DATA_DIR: dataDir,
      SLUICE_PORT: '0',
    });
    expect({ code, err: code === 0 ? '' : `${out}${err}` }).toEqual({ code: 0, err: '' });
    expect(out).toContain('equal: every row and every value arrived');
    expect(out).toMatch(/demo done in [\d.]+ s[^]*stopped in [\d.]+ s\nThe data stays in /);
    expect(out).not.toContain(
      (JSON.parse(readFileSync(join(dataDir, 'local.json'), 'utf8')) as { token: string }).token,
    );
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 300_000);

test.each(['npm test', 'npm start', 'npm run demo', 'npm run generate'])('%s -- --help', async (command) => {
  const { code, out } = await bash(`${command} --silent -- --help`, root);
  expect(code).toBe(0);
  expect(out).toMatch(/^usage: npm /m);
});
