/** What a worker is asked outside of runs. */
import { isSluiceError, type Context, type Finding, type Stream } from '@sluice/connector-sdk';
import { readyDestination, readyEither, readySource, type Host } from './open-plugin.js';
import type { OpenOrder, Orders, Role } from './protocol.js';

export interface Probing {
  readonly host: Host;
  readonly signal: AbortSignal;
  readonly log: Context['log'];
}

/** What is wrong, worst first. A connection that cannot be made is a finding like any other. */
export async function check(
  { host, signal, log }: Probing,
  role: Role,
  opening: OpenOrder,
): Promise<readonly Finding[]> {
  try {
    await using session = await (await readyEither(host, role, opening, log)).open(signal);
    return await session.check();
  } catch (error) {
    if (!isSluiceError(error)) throw error;
    const { code, message, fix } = error;
    return [{ code, severity: 'error', message, ...(fix !== undefined && { fix }) }];
  }
}

/** Removes what a pipeline that is no more left behind. Repeatable. Answers what could not be removed. */
export async function drop(
  { host, signal, log }: Probing,
  { role, opening, lanes }: Orders['drop'][0],
): Promise<readonly Finding[]> {
  if (role === 'source') {
    await using session = await (await readySource(host, opening, log)).open(signal);
    return (await session.drop?.()) ?? [];
  }
  await using session = await (await readyDestination(host, opening, log)).open(signal);
  for (const id of lanes) await session.drop({ id });
  return [];
}

/** Most bytes of streams in one message on the bus, whose limit is 1 MiB by default. */
const pageBytes = 512 * 1024;

/** Everything a source offers, page by page. Answers how many streams there were. */
export async function discover(
  { host, signal, log }: Probing,
  opening: OpenOrder,
  send: (streams: readonly Stream[]) => void,
): Promise<number> {
  await using session = await (await readySource(host, opening, log)).open(signal);
  const streams = await session.discover();
  for (const page of pagesOf(streams, pageBytes)) send(page);
  return streams.length;
}

export function* pagesOf<T>(items: readonly T[], limit: number): Generator<readonly T[]> {
  let page: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (page.length > 0 && bytes + size > limit) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(item);
    bytes += size;
  }
  if (page.length > 0) yield page;
}
