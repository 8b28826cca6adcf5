/** How many authenticated reads of one source the gateway answers. */
import { httpLoad, type LoadResult } from '../measure/http-load.js';
import { median } from '../measure/statistics.js';
import { markdownTable } from '../report/comparison.js';
import { connectionConfig } from '../servers/address.js';
import { describePostgres, ensureDatabase } from '../servers/postgres-server.js';
import { headersOf, openApi } from '../sluice/api.js';
import type { Scenario } from './scenario.js';

const connections = 32;
const seconds = { warmUp: 5, round: 10 };

export const gateway: Scenario = {
  id: 'gateway',
  title: 'Authenticated GET of one source',
  async run(stand) {
    if (stand.options.without.includes('sluice')) throw new Error('nothing to measure without Sluice');
    const address = await ensureDatabase((await stand.postgresSource()).address, 'latency');
    const { local } = await stand.platform();
    const name = `bench gateway ${Date.now().toString(36)}`;
    const source = { name, connectorType: 'postgres', connectionConfig: connectionConfig(address) };
    const id = await openApi(local).create('sources', source);
    const request = { url: `${local.url}/api/v1/sources/${id}`, headers: headersOf(local), connections };
    await httpLoad({ ...request, duration: seconds.warmUp });
    const rounds: LoadResult[] = [];
    for (let round = 1; round <= stand.options.rounds; round++) {
      const result = await httpLoad({ ...request, duration: seconds.round });
      rounds.push(result);
      stand.say(`  round ${round}: ${result.requestsPerSecond.toFixed(0)}/s, p99 ${result.p99Ms} ms`);
    }
    const bad = rounds.reduce((sum, round) => sum + round.bad, 0);
    return {
      table: markdownTable(
        ['round', 'requests/s', 'p50 ms', 'p99 ms', 'max ms'],
        rounds.map((round, index) => [
          String(index + 1),
          round.requestsPerSecond.toFixed(0),
          ...[round.p50Ms, round.p99Ms, round.maxMs].map(String),
        ]),
      ),
      figures: {
        'requests/s': median(rounds.map(({ requestsPerSecond }) => requestsPerSecond)),
        'p50 ms': median(rounds.map(({ p50Ms }) => p50Ms)),
        'p99 ms': median(rounds.map(({ p99Ms }) => p99Ms)),
      },
      failures: bad > 0 ? [`${bad} answers were errors`] : [],
      raw: rounds,
      servers: { source: await describePostgres(address) },
      notes: [
        `autocannon in a process of its own, on the same cores: ${connections} connections, ${seconds.round} s a round after ${seconds.warmUp} s of warm-up; medians of the rounds.`,
      ],
    };
  },
};
