/** Peak memory of a worker: must not grow with the table. */
import { openApi } from '../sluice/api.js';
import { runSync } from '../sluice/run-sync.js';
import { startMeter } from '../sluice/usage.js';
import { connect } from '../methods/sluice.js';
import { postgresFingerprint } from '../data/fingerprint.js';
import { table } from '../data/firenibble.js';
import { describePostgres } from '../servers/postgres-server.js';
import { markdownTable } from '../report/comparison.js';
import type { Figures } from '../report/targets.js';
import type { Stand } from '../stand.js';
import { postgresPair } from './pg-pg.js';
import { dropPostgresTable } from './postgres-target.js';
import type { Scenario } from './scenario.js';

const large = 10_000_000;
const encodings = ['auto', 'rows'] as const;

interface Peak {
  readonly rows: number;
  readonly encoding: 'auto' | 'rows';
  readonly seconds: number;
  readonly peakMb: number | null;
  readonly failure?: string;
}

const measure = async (stand: Stand, rows: number, encoding: Peak['encoding']): Promise<Peak> => {
  const { source, destination, fingerprint } = await postgresPair(stand, rows);
  const platform = await stand.platform();
  const connection = await connect(platform, {
    id: 'sluice',
    title: 'Sluice',
    source: { connectorType: 'postgres', address: source },
    destination: { connectorType: 'postgres', address: destination },
    streams: [`public.${table}`],
    options: { encoding },
  });
  await dropPostgresTable(destination);
  const meter = startMeter(platform.pid);
  try {
    const { wallSeconds } = await runSync(openApi(platform.local), connection);
    const { peakRssBytes } = meter.read(wallSeconds);
    const found = await postgresFingerprint(destination, `public.${table}`);
    const peak = { rows, encoding, seconds: wallSeconds, peakMb: peakRssBytes === null ? null : peakRssBytes / 1e6 };
    stand.say(`  ${rows} rows, ${encoding}: ${peak.peakMb?.toFixed(0) ?? '-'} MB`);
    return found === fingerprint ? peak : { ...peak, failure: `fingerprint ${found}, not ${fingerprint}` };
  } finally {
    meter.stop();
  }
};

/** The higher of both paths. */
const highest = (peaks: readonly Peak[], rows: number): number | null => {
  const known = peaks.filter((peak) => peak.rows === rows).map(({ peakMb }) => peakMb);
  return known.length === 0 || known.includes(null) ? null : Math.max(...known.filter((peak) => peak !== null));
};

export const memory: Scenario = {
  id: 'memory',
  title: "A worker's peak memory",
  async run(stand) {
    if (stand.options.without.includes('sluice')) throw new Error('nothing to measure without Sluice');
    const sizes = [stand.options.rows, ...(stand.options.large ? [large] : [])];
    const peaks: Peak[] = [];
    // Each size twice: what a worker has grown to in one run is where the next one starts.
    for (const rows of sizes) {
      for (const encoding of encodings)
        for (let round = 0; round < 2; round++) peaks.push(await measure(stand, rows, encoding));
    }
    const [small, big] = [highest(peaks, stand.options.rows), stand.options.large ? highest(peaks, large) : null];
    const figures: Figures = {
      'worker peak MB, small table': small,
      'worker peak MB, 10 M rows': big,
      'peak at 10 M rows / peak at small table': small !== null && big !== null ? big / small : null,
    };
    return {
      table: markdownTable(
        ['rows', 'path', 'seconds', 'peak MB'],
        peaks.map(({ rows, encoding, seconds, peakMb }) => [
          rows.toLocaleString('en'),
          encoding === 'rows' ? 'rows' : 'bytes',
          seconds.toFixed(2),
          peakMb?.toFixed(0) ?? '-',
        ]),
      ),
      figures,
      failures: peaks.flatMap(({ rows, failure }) => (failure === undefined ? [] : [`${rows} rows: ${failure}`])),
      raw: peaks,
      servers: { source: await describePostgres((await stand.postgresSource()).address) },
      notes: [
        "VmHWM of the largest of the runner's workers, read every 50 ms, the worker's last moment not included; MB of 10^6 bytes.",
        ...(stand.options.large ? [] : ['10 million rows only with --large.']),
      ],
    };
  },
};
