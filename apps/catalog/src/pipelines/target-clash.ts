/** Two pipelines that write to one table overwrite each other: refused where both name it, said by the run where one does not. */
import { parsePath } from '@sluice/connector-sdk';
import { conflict, invalid, type Binding, type JsonObject } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import type { Connector } from '../connectors/connectors.js';
import { rows } from '../database/database.js';
import type { EndpointRow } from '../database/entities.js';

export interface Writer {
  readonly tenantId: string;
  /** null: it does not exist yet. */
  readonly id: string | null;
  readonly bindings: readonly Binding[] | null;
}

/** Throws conflict 'target-taken'. Holds the destination's tables for this transaction: of two at once, one comes second. */
export async function refuseTakenTargets(
  em: EntityManager,
  { tenantId, id, bindings }: Writer,
  destination: EndpointRow,
  connector: Pick<Connector, 'schema'>,
): Promise<void> {
  if (bindings === null) return;
  await em.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [destination.id]);
  const others = await rows<{ name: string; bindings: readonly Binding[] }>(
    em,
    `SELECT name, bindings FROM pipeline WHERE tenant_id = $1 AND destination_id = $2 AND jsonb_typeof(bindings) = 'array'
       AND status <> 'archived' AND ($3::uuid IS NULL OR id <> $3) ORDER BY name`,
    [tenantId, destination.id, id],
  );
  const home = homeOf(destination.config, connector.schema);
  const taken = new Map(
    others.flatMap((other) => other.bindings.map((one) => [tableOf(one, home), other.name] as const)),
  );
  const own = new Map<string, string>();
  for (const binding of bindings) {
    const table = tableOf(binding, home);
    refuseTwin(binding, own.get(table));
    own.set(table, binding.stream);
    const name = taken.get(table);
    if (name === undefined) continue;
    throw conflict('target-taken', `the pipeline "${name}" writes to the table of "${binding.stream}" already`, {
      fix: `give "${binding.stream}" another "targetTable", or another destination`,
      details: { stream: binding.stream, pipeline: name },
    });
  }
}

/** 'orders' and 'public.orders' are one table where tables go to 'public': only who knows the destination sees that. */
function refuseTwin({ stream }: Binding, other: string | undefined): void {
  if (other === undefined) return;
  throw invalid('target-twice', `"${other}" and "${stream}" would both be written to one table`, {
    fix: 'give one of them another "targetTable"',
    details: { stream },
  });
}

/** Where a table without a schema goes: what the options call schema, or else database. */
function homeOf(config: JsonObject, { properties }: JsonObject): string {
  const schema = (properties as { schema?: { default?: unknown } } | undefined)?.schema?.default;
  return String(config['schema'] ?? schema ?? config['database'] ?? '');
}

function tableOf({ stream, targetTable }: Binding, home: string): string {
  const path = targetTable === undefined ? partsOf(stream).slice(-1) : partsOf(targetTable);
  return JSON.stringify(path.length === 1 ? [home, ...path] : path);
}
/** A stream may be given by the last part of its name, in any spelling. */
function partsOf(name: string): string[] {
  try {
    return parsePath(name);
  } catch {
    return [name];
  }
}

/** The last part of each table's name: enough for a hint. */
const targets = `
  SELECT p.id, p.name, regexp_replace(coalesce(b->>'targetTable', b->>'stream'), '^.*[.]', '') AS target
  FROM pipeline p CROSS JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(p.bindings) WHEN 'array' THEN p.bindings ELSE '[]' END) b
  WHERE p.id = ANY($1)
  UNION ALL
  SELECT p.id, p.name, s.body->'path'->>-1 FROM pipeline p
  JOIN endpoint e ON e.tenant_id = p.tenant_id AND e.id = p.source_id
  JOIN stream s ON s.discovery_id = e.discovery_id
  WHERE p.id = ANY($1) AND coalesce(jsonb_typeof(p.bindings), 'null') = 'null'`;

/** A hint must not hold up a run: the newest are looked at. */
const mostCompared = 20;

/** What a run of the pipeline has to say of others that seem to write to the same tables; one of each. */
export async function sharedTargets(
  em: EntityManager,
  tenantId: string,
  pipelineId: string,
  destinationId: string,
): Promise<string[]> {
  const others = await rows<{ id: string }>(
    em,
    `SELECT p.id FROM pipeline p WHERE p.tenant_id = $1 AND p.id <> $2 AND p.status <> 'archived' AND (p.destination_id = $3
       OR p.destination_id IS NULL AND (SELECT count(*) FROM endpoint WHERE tenant_id = $1 AND role = 'destination') = 1)
     ORDER BY p.created_at DESC LIMIT $4`,
    [tenantId, pipelineId, destinationId, mostCompared],
  );
  if (others.length === 0) return [];
  const found = await rows<{ name: string; target: string; n: number }>(
    em,
    `WITH t AS (${targets}) SELECT o.name, min(o.target) AS target, count(DISTINCT o.target)::int AS n
     FROM t o JOIN t mine ON mine.target = o.target AND mine.id = $2 AND o.id <> $2 GROUP BY o.id, o.name ORDER BY o.name LIMIT 5`,
    [[pipelineId, ...others.map(({ id }) => id)], pipelineId],
  );
  return found.map(({ name, target, n }) => {
    const tables = n === 1 ? `"${target}"` : `"${target}" and ${n - 1} more of these tables`;
    return `the pipeline "${name}" seems to write to ${tables} too: each overwrites what the other has written`;
  });
}
