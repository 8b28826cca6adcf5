/** Asks the same thing over and over from a process of its own, and says how quick the answers were. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export interface LoadRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Kept open, each with one request at a time. */
  readonly connections: number;
  /** Seconds. */
  readonly duration: number;
}
export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly total: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Answers with a status other than 2xx, errors and time-outs. */
  readonly bad: number;
}

export const httpLoad = async (request: LoadRequest): Promise<LoadResult> => {
  const child = spawn(process.execPath, [join(__dirname, '../load-main.js')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  child.stdin.end(JSON.stringify(request));
  const answer = await text(child.stdout);
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`the load generator ended with exit code ${code}`);
  return JSON.parse(answer) as LoadResult;
};
