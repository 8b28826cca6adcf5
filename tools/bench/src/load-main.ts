/**
 * A load generator in a process of its own. Reads one line of JSON, `LoadRequest`, from standard input, where no other user
 * sees the token, and writes one line, `LoadResult`, to standard output.
 */
import { text } from 'node:stream/consumers';
import autocannon from 'autocannon';
import type { LoadRequest, LoadResult } from './measure/http-load.js';

const main = async (): Promise<void> => {
  const { requests, latency, non2xx, errors, timeouts } = await autocannon(
    JSON.parse(await text(process.stdin)) as LoadRequest,
  );
  const result: LoadResult = {
    requestsPerSecond: requests.average,
    total: requests.total,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    maxMs: latency.max,
    bad: non2xx + errors + timeouts,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
};
void main();
