/** What stands in the way of reading changes, all of it at once. Changes nothing. */
import type { Finding, Stream } from '@sluice/connector-sdk';
import type { Connection } from '../connect.js';
import { literal, quote } from '../names.js';
import { type Identity, identitiesOf, tellsRows, unloggedColumns } from './identity.js';
import { publicationOptions, publicationState } from './publication.js';
import { type SlotState, changesName, slotState } from './slot.js';

interface Facts {
  readonly level: string;
  readonly slots: string;
  readonly slotsUsed: string;
  readonly senders: string;
  readonly sendersUsed: string;
  readonly replication: string;
  readonly create: string;
  readonly role: string;
  readonly database: string;
  readonly replica: string;
}
const factsSql = `
SELECT current_setting('wal_level') AS level, current_setting('max_replication_slots') AS slots,
  (SELECT count(*) FROM pg_replication_slots)::text AS "slotsUsed", current_setting('max_wal_senders') AS senders,
  (SELECT count(*) FROM pg_stat_replication)::text AS "sendersUsed",
  (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user)::text AS replication,
  has_database_privilege(current_database(), 'CREATE')::text AS create, current_user::text AS role,
  current_database()::text AS database, pg_is_in_recovery()::text AS replica`;

/** Retained log from which on a slot is worth a warning, and the share of its budget. */
const muchLog = 10 * 2 ** 30;
const scarce = 2 ** 30;

/** Findings for the changes of `streams`; with `pipeline`, of its slot and publication too. */
export async function checkChanges(
  connection: Connection,
  streams: readonly Stream[],
  pipeline?: string,
): Promise<Finding[]> {
  const facts = (await connection.client.query<Facts>(factsSql)).rows[0]!;
  const name = pipeline === undefined ? undefined : changesName(pipeline);
  const slot = name === undefined ? undefined : await slotState(connection, name);
  const identities = await identitiesOf(connection, streams);
  return [
    ...serverFindings(facts, slot !== undefined),
    ...roleFindings(facts),
    ...(await ownerFindings(connection, streams, name)),
    ...streams.flatMap((stream) => tableFindings(stream, identities, connection.version)),
    ...(slot ? slotFindings(slot) : []),
  ];
}

const error = (code: string, message: string, fix: string): Finding => ({ code, severity: 'error', message, fix });
const warning = (code: string, message: string, fix: string): Finding => ({ code, severity: 'warning', message, fix });

function serverFindings({ level, slots, slotsUsed, senders, sendersUsed, replica }: Facts, has: boolean): Finding[] {
  const findings: Finding[] = [];
  if (level !== 'logical') {
    const fix = `ALTER SYSTEM SET wal_level = 'logical'; then restart the server. (Managed services have a parameter of their own, such as rds.logical_replication.)`;
    findings.push(
      error('wal-level', `The server's wal_level is ${level}: it does not log what changes are made of.`, fix),
    );
  }
  if (!has && Number(slotsUsed) >= Number(slots)) {
    const fix = `ALTER SYSTEM SET max_replication_slots = ${Number(slots) + 5}; then restart the server; or drop a slot that nobody needs.`;
    findings.push(error('replication-slots', `All ${slots} replication slots are in use.`, fix));
  }
  if (Number(sendersUsed) >= Number(senders)) {
    const fix = `ALTER SYSTEM SET max_wal_senders = ${Number(senders) + 5}; then restart the server.`;
    findings.push(error('wal-senders', `All ${senders} WAL senders are in use.`, fix));
  }
  if (replica === 'true') {
    const message =
      'This is a standby: its publication is made on the primary, and a slot on it needs hot_standby_feedback.';
    findings.push(warning('standby', message, 'Connect to the primary.'));
  }
  return findings;
}

function roleFindings({ replication, create, role, database }: Facts): Finding[] {
  const findings: Finding[] = [];
  if (replication !== 'true') {
    const fix = `ALTER ROLE ${quote(role)} REPLICATION`;
    findings.push(error('replication-right', 'The role may not read the change log.', fix));
  }
  if (create !== 'true') {
    const fix = `GRANT CREATE ON DATABASE ${quote(database)} TO ${quote(role)}`;
    findings.push(
      warning('create-right', 'The role may not make a publication: an administrator has to make it.', fix),
    );
  }
  return findings;
}

/** Only owners may publish a table. One who made the publication beforehand has done it for the role. */
async function ownerFindings(
  connection: Connection,
  streams: readonly Stream[],
  name: string | undefined,
): Promise<Finding[]> {
  const published = name === undefined ? undefined : await publicationState(connection, name);
  const open = streams.filter(({ id }) => !published?.tables.has(id));
  const { rows } = await connection.client.query<{ schema: string; name: string; role: string }>(
    `SELECT n.nspname::text AS schema, c.relname::text AS name, current_user::text AS role
     FROM unnest($1::text[], $2::text[]) w(schema, name) JOIN pg_namespace n ON n.nspname = w.schema
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name WHERE NOT pg_has_role(c.relowner, 'USAGE')`,
    [open.map(({ path }) => path[0]), open.map(({ path }) => path[1])],
  );
  if (rows.length === 0) return [];
  const tables = rows.map((row) => quote(row.schema, row.name));
  const message = `The role does not own ${tables.length} of the tables, and may not publish them: ${tables.slice(0, 20).join(', ')}.`;
  const list = streams.map(({ path }) => `ONLY ${quote(...path)}`).join(', ');
  const fix =
    name === undefined
      ? `ALTER TABLE ${tables[0]} OWNER TO ${quote(rows[0]!.role)}`
      : `As an administrator: ${published ? 'ALTER PUBLICATION' : 'CREATE PUBLICATION'} ${quote(name)} ${published ? 'SET' : 'FOR'} TABLE ${list}${published ? '' : ` WITH (${publicationOptions(connection)})`}`;
  return [error('table-owner', message, fix)];
}

/** What stands in the way of one table; none when it does not exist. */
export function tableFindings(stream: Stream, identities: readonly Identity[], version: number): Finding[] {
  const table = quote(...stream.path);
  const identity = identities.find((one) => one.stream === stream.id);
  if (!identity) return [];
  if (!/[rp]/.test(identity.kindOfRelation)) {
    const message = `${stream.id} is not a table: it has no changes of its own.`;
    return [error('not-a-table', message, 'Read it in mode full or cursor, or take its tables instead.')];
  }
  if (!identity.logged)
    return [
      error(
        'unlogged-table',
        `${stream.id} is not logged, and its changes neither.`,
        `ALTER TABLE ${table} SET LOGGED`,
      ),
    ];
  const findings = identityFindings(stream, identity, table);
  const unlogged = unloggedColumns(stream, identity, version);
  if (unlogged.length > 0) {
    const message = `Generated columns of ${stream.id} are not in the change log: ${unlogged.join(', ')}.`;
    const fix =
      'Leave them out of the pipeline, or make them ordinary columns. Stored ones are logged from PostgreSQL 18 on.';
    findings.push(error('generated-column', message, fix));
  }
  if (identity.partitioned) {
    const message = `TRUNCATE, DETACH or DROP of a single partition of ${stream.id} is not in the change log: its rows stay in the target.`;
    findings.push(warning('partition-truncate', message, 'Delete the rows before, or load the table anew after.'));
  }
  return findings;
}

function identityFindings(stream: Stream, identity: Identity, table: string): Finding[] {
  if (tellsRows(stream, identity)) return [];
  const none = identity.columns.length === 0 && identity.kind !== 'f';
  const message = none
    ? `${stream.id} has no replica identity: once it is published, the server refuses every UPDATE and DELETE of it.`
    : `The replica identity of ${stream.id} (${identity.columns.join(', ')}) does not have the columns of its key (${stream.key.join(', ')}): updates and deletes could not be told apart.`;
  return [error('replica-identity', message, `ALTER TABLE ${table} REPLICA IDENTITY FULL`)];
}

/** How the slot is, for a pipeline that runs. */
export function slotFindings(slot: SlotState): Finding[] {
  const retained = `${Math.ceil(slot.retainedBytes / 2 ** 20)} MiB of log are kept for the replication slot ${slot.name}`;
  if (slot.invalid !== undefined) {
    const message = `The server has given up the replication slot ${slot.name} (${slot.invalid}): its position is lost.`;
    return [error('slot-lost', message, 'Start the pipeline over, and raise max_slot_wal_keep_size.')];
  }
  const fix = `Run the pipeline; or delete it, when it is of no use any more: SELECT pg_drop_replication_slot(${literal(slot.name)})`;
  if (slot.walStatus === 'unreserved' || (slot.safeBytes !== undefined && slot.safeBytes < scarce)) {
    const left = Math.max(0, Math.floor((slot.safeBytes ?? 0) / 2 ** 20));
    return [warning('slot-budget', `${retained}; after ${left} MiB more the server gives it up.`, fix)];
  }
  return slot.retainedBytes > muchLog ? [warning('slot-lag', `${retained}.`, fix)] : [];
}
