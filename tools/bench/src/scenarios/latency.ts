/** From the trigger to the first row read, with a runner that has worked before. */
import { median, percentile } from '../measure/statistics.js';
import { connect } from '../methods/sluice.js';
import { markdownTable } from '../report/comparison.js';
import { describePostgres, ensureDatabase, withPostgres } from '../servers/postgres-server.js';
import { openApi } from '../sluice/api.js';
import { runSync } from '../sluice/run-sync.js';
import type { Scenario } from './scenario.js';

const warmUps = 3;
const rounds = 20;

const line = (name: string, values: readonly number[]): string[] =>
  values.length === 0
    ? [name, '-', '-', '-', '-']
    : [
        name,
        ...[median(values), Math.min(...values), percentile(values, 0.95), Math.max(...values)].map((ms) =>
          ms.toFixed(0),
        ),
      ];

export const latency: Scenario = {
  id: 'latency',
  title: 'Trigger to first row',
  async run(stand) {
    if (stand.options.without.includes('sluice')) throw new Error('nothing to measure without Sluice');
    const source = await ensureDatabase((await stand.postgresSource()).address, 'latency');
    const destination = await ensureDatabase((await stand.postgresDestination()).address, 'latency');
    await withPostgres(source, async (client) => {
      await client.query('DROP TABLE IF EXISTS public.small');
      await client.query(
        'CREATE TABLE public.small AS SELECT g AS id, md5(g::text) AS name FROM generate_series(1, 100) g',
      );
      await client.query('ALTER TABLE public.small ADD PRIMARY KEY (id)');
      await client.query('ANALYZE public.small');
    });
    const platform = await stand.platform();
    const connection = await connect(platform, {
      id: 'sluice',
      title: 'Sluice',
      source: { connectorType: 'postgres', address: source },
      destination: { connectorType: 'postgres', address: destination },
      streams: ['public.small'],
    });
    const api = openApi(platform.local);
    const results = [];
    for (let round = 0; round < warmUps + rounds; round++) results.push(await runSync(api, connection));
    const counted = results.slice(warmUps);
    const first = counted.flatMap(({ firstRowMs }) => (firstRowMs === null ? [] : [firstRowMs]));
    const whole = counted.map(({ wallSeconds }) => wallSeconds * 1000);
    const short = counted.filter(({ sync }) => sync.recordsSynced !== 100).length;
    return {
      table: markdownTable(
        ['ms', 'median', 'min', 'p95', 'max'],
        [line('trigger to first row', first), line('whole run', whole)],
      ),
      figures: {
        'trigger to first row, median ms': first.length === rounds ? median(first) : null,
        'whole run, median ms': median(whole),
      },
      failures: short > 0 ? [`${short} runs did not report 100 rows`] : [],
      raw: counted,
      servers: { source: await describePostgres(source) },
      notes: [
        `A table of 100 rows, ${rounds} runs after ${warmUps} warm-ups, one after the other.`,
        "From sending the request to the time stamp of the run's first event that tells of data read, both by this machine's clock. The client opens the event stream after the trigger; `whole run` is until it knows of the end.",
      ],
    };
  },
};
