/**
 * The end of mode 'replace': the shadow table becomes what readers see, in the transaction of the last checkpoint.
 *
 * A table that stands for itself is swapped by name, which takes a moment; its grants, comments and indexes go over to the new
 * one. A table that other things hang on (views, foreign keys, triggers, policies, publications, partitions, defaults, columns
 * of its own) is refilled in place, so that all of them stay: readers see the old rows until the commit.
 */
import { ConfigError, DataError, TransientError, codes } from '@sluice/connector-sdk';
import type { Client } from 'pg';
import { sqlState } from '../errors.js';
import { literal, quote } from '../names.js';
import { holds, renderNative } from '../types.js';
import { valueList } from './merge.js';
import type { Prepared } from './prepare.js';
import type { Destination } from './session.js';
import { type TargetTable, sameSet, targetTable } from './shape.js';

const attempts = 8;
const lockTimeout = '1s';

/** Throws TransientError when readers hold the target for too long. */
export async function swap({ connection: { client }, context }: Destination, prepared: Prepared): Promise<void> {
  const target = await targetTable(client, prepared.path);
  const inPlace = target !== undefined && !(await standsForItself(client, target, prepared));
  if (!inPlace) await addKey(client, prepared);
  for (let attempt = 1; ; attempt++) {
    await client.query('SAVEPOINT swap');
    try {
      await client.query(`SET LOCAL lock_timeout = '${lockTimeout}'`);
      await (inPlace ? refill(client, prepared, target) : rename(client, prepared, target));
      await client.query('SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT swap');
      return;
    } catch (error) {
      if (sqlState(error) !== '55P03') throw error;
      // Giving up the place in the queue lets the readers behind it through.
      await client.query('ROLLBACK TO SAVEPOINT swap');
      if (attempt === attempts) {
        const message = `The table ${quote(...prepared.path)} is in use, so it could not be replaced.`;
        throw new TransientError(message, { code: codes.lockConflict, cause: error });
      }
      context.log('info', 'The target is in use: the swap waits.', { table: prepared.path.join('.'), attempt });
      await pause(attempt * 200, context.signal);
    }
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
  });

/** Nothing of the table would be lost by making it anew but what `rename` carries over. */
async function standsForItself(client: Client, target: TargetTable, prepared: Prepared): Promise<boolean> {
  const names = new Set(prepared.columns.map(({ column }) => column.name));
  const own = target.columns.some(({ name, filled }) => filled || !names.has(name));
  if (own || target.kind !== 'r') return false;
  const result = await client.query<{ plain: string; primary: string | null }>(
    `SELECT (c.relpersistence = 'p' AND NOT c.relrowsecurity AND c.reloptions IS NULL AND c.reltablespace = 0
         AND c.relreplident = 'd' AND pg_has_role(c.relowner, 'USAGE')
         AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid OR inhparent = c.oid)
         AND NOT EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = c.oid)
         AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid)
         AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL)
         AND NOT EXISTS (SELECT FROM pg_constraint WHERE (conrelid = c.oid OR confrelid = c.oid) AND contype NOT IN ('p', 'n'))
         AND NOT EXISTS (SELECT FROM pg_depend d LEFT JOIN pg_class o ON d.classid = 'pg_class'::regclass AND o.oid = d.objid
           WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
             AND NOT (d.classid IN ('pg_constraint'::regclass, 'pg_type'::regclass) OR coalesce(o.relkind IN ('i', 't'), false)))
         AND NOT EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_type'::regclass
           AND refobjid IN (SELECT oid FROM pg_type WHERE oid = c.reltype OR typelem = c.reltype) AND deptype = 'n')
       )::text AS plain,
       (SELECT to_json(array_agg(a.attname::text)) FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary)::text AS primary
     FROM pg_class c WHERE c.oid = $1`,
    [target.oid],
  );
  const { plain, primary } = result.rows[0]!;
  return plain === 'true' && (primary === null || sameSet(JSON.parse(primary) as string[], prepared.target.key));
}

/** The key's index is built on the full table, before anyone waits for a lock. */
async function addKey(client: Client, { stage, target }: Prepared): Promise<void> {
  if (target.key.length > 0)
    await client.query(`ALTER TABLE ${stage} ADD PRIMARY KEY (${target.key.map((name) => quote(name)).join(', ')})`);
}

async function rename(client: Client, prepared: Prepared, target: TargetTable | undefined): Promise<void> {
  const name = quote(prepared.path[1]);
  let later: readonly string[] = [];
  if (target) {
    const carried = await carriedOver(client, prepared, target);
    for (const sql of carried.before) await client.query(sql);
    await client.query(`LOCK TABLE ${quote(...prepared.path)} IN ACCESS EXCLUSIVE MODE`);
    await client.query(`DROP TABLE ${quote(...prepared.path)}`);
    later = carried.after;
  }
  await client.query(`ALTER TABLE ${prepared.stage} RENAME TO ${name}`);
  for (const sql of later) await client.query(sql);
  await nameKey(client, prepared);
}

interface Carried {
  /** On the shadow table, before the lock. */
  readonly before: readonly string[];
  /** On the new target. */
  readonly after: readonly string[];
}

/** Indexes, grants, owner and comments of the target, as statements that give them to the new table. */
async function carriedOver(client: Client, { stage, path, shadow }: Prepared, { oid }: TargetTable): Promise<Carried> {
  const indexes = await client.query<{ name: string; rest: string; unique: string; clustered: string }>(
    `SELECT i.relname::text AS name, x.indisunique::text AS unique, x.indisclustered::text AS clustered,
       substr(pg_get_indexdef(i.oid), length(format('CREATE %sINDEX %I ON %I.%I ', CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END,
         i.relname, n.nspname, c.relname)) + 1) AS rest
     FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE x.indrelid = $1 AND x.indisvalid AND NOT x.indisprimary ORDER BY i.oid`,
    [oid],
  );
  const rights = await client.query<{ sql: string }>(
    `SELECT format('GRANT %s ON TABLE %s TO %s%s', a.privilege_type, $2::text,
         CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql
       FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $1 AND a.grantee <> c.relowner
     UNION ALL SELECT format('ALTER TABLE %s OWNER TO %I', $2::text, pg_get_userbyid(relowner)) FROM pg_class
       WHERE oid = $1 AND pg_get_userbyid(relowner) <> current_user
     UNION ALL SELECT format('COMMENT ON TABLE %s IS %L', $2::text, description) FROM pg_description
       WHERE objoid = $1 AND classoid = 'pg_class'::regclass AND objsubid = 0
     UNION ALL SELECT format('COMMENT ON COLUMN %s.%I IS %L', $2::text, a.attname, d.description) FROM pg_description d
       JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
       WHERE d.objoid = $1 AND d.classoid = 'pg_class'::regclass`,
    [oid, stage],
  );
  const made = indexes.rows.map((index, at) => ({ ...index, made: `${shadow!.name}_${at}` }));
  return {
    before: [
      ...made.map(
        ({ made: name, unique, rest }) =>
          `CREATE ${unique === 'true' ? 'UNIQUE ' : ''}INDEX ${quote(name)} ON ${stage} ${rest}`,
      ),
      ...rights.rows.map(({ sql }) => sql),
    ],
    after: made.map(({ made: from, name }) => `ALTER INDEX ${quote(path[0], from)} RENAME TO ${quote(name)}`),
  };
}

/** Gives the primary key the name that PostgreSQL would have given it, when that is free. */
async function nameKey(client: Client, { path, target }: Prepared): Promise<void> {
  const name = `${path[1]}_pkey`;
  if (target.key.length === 0 || Buffer.byteLength(name) > 63) return;
  const taken = await client.query(
    'SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2',
    [path[0], name],
  );
  if (taken.rows.length > 0) return;
  await client.query(
    `DO $do$ DECLARE own text; BEGIN
       SELECT conname INTO own FROM pg_constraint WHERE contype = 'p' AND conrelid = ${literal(quote(...path))}::regclass;
       EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', ${literal(quote(...path))}, own, ${literal(name)});
     END $do$`,
  );
}

/** Rows of other tables that the old rows would take along are not ours to delete or to change. Throws ConfigError. */
export async function refuseCascade(client: Client, path: readonly [string, string]): Promise<void> {
  const found = await client.query<{ name: string; child: string }>(
    `SELECT k.conname::text AS name, k.conrelid::regclass::text AS child FROM pg_constraint k
     WHERE k.contype = 'f' AND k.confrelid = to_regclass($1) AND k.conrelid <> k.confrelid AND k.confdeltype NOT IN ('a', 'r')`,
    [quote(...path)],
  );
  const [first] = found.rows;
  if (!first) return;
  throw new ConfigError(
    `The foreign key ${quote(first.name)} of ${first.child} deletes or changes its rows when ${quote(...path)} is emptied.`,
    { code: codes.targetMismatch, path: ['table'], fix: `Drop that foreign key, or load this table in mode 'upsert'.` },
  );
}

/** Triggers and rules of the target may keep old rows or swallow new ones. (Invariant 6) */
async function refuseLoss(
  client: Client,
  { stream, stage }: Prepared,
  kept: string,
  taken: number | null,
): Promise<void> {
  const found = await client.query<{ staged: string }>(`SELECT count(*)::text AS staged FROM ${stage}`);
  const staged = Number(found.rows[0]!.staged);
  if (kept === 'false' && taken === staged) return;
  const message = `${stream.id}: the target ${kept === 'true' ? 'keeps old rows' : `took ${taken} rows of ${staged}`}; look at its triggers and rules.`;
  throw new DataError(message, { stream: stream.id, code: codes.rowsLost });
}

async function refill(client: Client, prepared: Prepared, target: TargetTable): Promise<void> {
  await refuseCascade(client, prepared.path);
  const table = quote(...prepared.path);
  const existing = new Map(target.columns.map((column) => [column.name, column]));
  const names = prepared.columns.map(({ column }) => quote(column.name)).join(', ');
  for (const { column, type } of prepared.columns) {
    const own = existing.get(column.name);
    if (!own) await client.query(`ALTER TABLE ${table} ADD COLUMN ${quote(column.name)} ${renderNative(type)}`);
    else if (own.type && !holds(own.type, type)) {
      await client.query(`ALTER TABLE ${table} ALTER COLUMN ${quote(column.name)} TYPE ${renderNative(type)}`);
    }
  }
  const columns = prepared.columns.map((prepared_) => {
    const own = existing.get(prepared_.column.name);
    return own && !own.type ? { ...prepared_, cast: own.native } : prepared_;
  });
  await client.query(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`);
  const own = `${target.kind === 'p' ? '' : 'ONLY '}${table}`; // the rows of tables that inherit from it are not its own
  await client.query(`DELETE FROM ${own}`);
  const left = await client.query<{ kept: string }>(`SELECT EXISTS (SELECT FROM ${own})::text AS kept`);
  const { rowCount } = await client.query(
    `INSERT INTO ${table} (${names}) OVERRIDING SYSTEM VALUE SELECT ${valueList({ columns })} FROM ${prepared.stage}`,
  );
  await refuseLoss(client, prepared, left.rows[0]!.kept, rowCount);
  await client.query(`DROP TABLE ${prepared.stage}`);
}
