/** Streams of discoveries. A discovery is filled page by page under an id of its own and shown when it is complete. */
import type { ReadMode } from '@sluice/connector-sdk';
import type { Stream } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { first, rows } from '../database/database.js';

export interface Discovery {
  readonly tenantId: string;
  readonly endpointId: string;
  readonly discoveryId: string;
}
/** Replies must stay well under the bus's limit for one message, 1 MiB by default. */
const pageBytes = 512 * 1024;
const pageItems = 2000;

/** How many streams a discovery holds, and how many of them can be read in `mode`. */
export async function surveyStreams(
  em: EntityManager,
  discovery: Discovery,
  mode: ReadMode,
): Promise<{ streams: number; fitting: number }> {
  const found = await first<{ streams: number; fitting: number }>(
    em,
    `SELECT count(*)::int AS streams, (count(*) FILTER (WHERE body->'modes' ? $4))::int AS fitting
     FROM stream WHERE tenant_id = $1 AND endpoint_id = $2 AND discovery_id = $3`,
    [discovery.tenantId, discovery.endpointId, discovery.discoveryId, mode],
  );
  return found ?? { streams: 0, fitting: 0 };
}

/** All of a discovery's streams with these ids, or with these as the last part of their names. */
export async function streamsNamed(em: EntityManager, discovery: Discovery, ids: readonly string[]): Promise<Stream[]> {
  const found = await rows<{ body: Stream }>(
    em,
    `SELECT body FROM stream WHERE tenant_id = $1 AND endpoint_id = $2 AND discovery_id = $3 AND (id = ANY($4) OR body->'path'->>-1 = ANY($4))`,
    [discovery.tenantId, discovery.endpointId, discovery.discoveryId, ids],
  );
  return found.map(({ body }) => body);
}

/** A page sent twice is stored once. */
export async function addStreams(
  em: EntityManager,
  { tenantId, endpointId, discoveryId }: Discovery,
  streams: readonly Stream[],
): Promise<void> {
  const bodies = streams.map((stream) => JSON.stringify(stream));
  await em.query(
    `INSERT INTO stream (tenant_id, endpoint_id, discovery_id, id, body, bytes)
     SELECT $1, $2, $3, * FROM unnest($4::text[], $5::jsonb[], $6::int[])
     ON CONFLICT (discovery_id, id) DO UPDATE SET body = excluded.body, bytes = excluded.bytes`,
    [
      tenantId,
      endpointId,
      discoveryId,
      streams.map(({ id }) => id),
      bodies,
      bodies.map((body) => Buffer.byteLength(body)),
    ],
  );
}

/** Streams that can be read by a cursor and have no key: the first `most` of them by id, and how many there are. */
export async function keylessStreams(
  em: EntityManager,
  discovery: Discovery,
  most: number,
): Promise<{ keyless: string[]; keylessCount: number }> {
  const found = await rows<{ id: string; n: number }>(
    em,
    `SELECT id, (count(*) OVER ())::int AS n FROM stream WHERE tenant_id = $1 AND endpoint_id = $2 AND discovery_id = $3
       AND jsonb_array_length(body->'key') = 0 AND body->'modes' ? 'cursor' ORDER BY id LIMIT $4`,
    [discovery.tenantId, discovery.endpointId, discovery.discoveryId, most],
  );
  return { keyless: found.map(({ id }) => id), keylessCount: found[0]?.n ?? 0 };
}

export async function countStreams(em: EntityManager, discovery: Discovery): Promise<number> {
  const found = await first<{ n: number }>(
    em,
    'SELECT count(*)::int AS n FROM stream WHERE tenant_id = $1 AND endpoint_id = $2 AND discovery_id = $3',
    [discovery.tenantId, discovery.endpointId, discovery.discoveryId],
  );
  return found?.n ?? 0;
}

/** `only`: these ids; `after`: those that follow. At least one where there is one, else at most 512 KiB. */
export async function pageOfStreams(
  em: EntityManager,
  discovery: Discovery,
  { after = '', only }: { after?: string; only?: readonly string[] },
): Promise<{ items: Stream[]; next: string | null }> {
  const found = await rows<{ id: string; body: Stream; total: string }>(
    em,
    `SELECT id, body, sum(bytes) OVER (ORDER BY id) AS total FROM stream
     WHERE tenant_id = $1 AND endpoint_id = $2 AND discovery_id = $3 AND id > $4 AND ($5::text[] IS NULL OR id = ANY($5))
     ORDER BY id LIMIT $6`,
    [discovery.tenantId, discovery.endpointId, discovery.discoveryId, after, only ?? null, pageItems + 1],
  );
  const items = found.filter(({ total }, i) => i < pageItems && (i === 0 || Number(total) <= pageBytes));
  const next = items.length < found.length ? (items.at(-1)?.id ?? null) : null;
  return { items: items.map(({ body }) => body), next };
}

/** Removes all streams of an endpoint but those of one discovery and of such as are still being filled. */
export async function forgetOldStreams(
  em: EntityManager,
  { tenantId, endpointId, discoveryId }: Discovery,
): Promise<void> {
  await em.query(
    `DELETE FROM stream WHERE tenant_id = $1 AND endpoint_id = $2 AND discovery_id <> $3 AND discovery_id NOT IN
       (SELECT discovery_id FROM probe WHERE tenant_id = $1 AND endpoint_id = $2 AND discovery_id IS NOT NULL)`,
    [tenantId, endpointId, discoveryId],
  );
}
