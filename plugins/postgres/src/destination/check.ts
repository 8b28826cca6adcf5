/** `check`: tries what a load does, inside a transaction that is rolled back. */
import { type Finding, tlsFindings } from '@sluice/connector-sdk';
import { ownPrefix } from '@sluice/sql';
import { sqlState } from '../errors.js';
import { literal, quote } from '../names.js';
import { encodingFindings, versionFindings } from '../source/check.js';
import type { Destination } from './session.js';

export async function checkDestination(destination: Destination): Promise<Finding[]> {
  const { connection, config } = destination;
  const facts = await connection.client.query<{
    replica: string;
    readonly: string;
    role: string;
    database: string;
    exists: string;
  }>(
    `SELECT pg_is_in_recovery()::text AS replica, current_setting('transaction_read_only') AS readonly, current_user::text AS role,
       current_database()::text AS database, (to_regnamespace($1) IS NOT NULL)::text AS exists`,
    [quote(config.schema)],
  );
  const { replica, readonly, role, database, exists } = facts.rows[0]!;
  const findings = [...versionFindings(connection.version), ...encodingFindings(connection.serverEncoding)];
  if (replica === 'true' || readonly === 'on') {
    const message =
      replica === 'true' ? 'This is a read replica: it takes no data.' : 'Sessions of this role are read-only.';
    const fix =
      replica === 'true'
        ? 'Connect to the primary.'
        : `ALTER ROLE ${quote(role)} SET default_transaction_read_only = off`;
    return [...findings, { code: 'read-only', severity: 'error', message, fix }];
  }
  const grantee = { role: quote(role), database: quote(database), schema: quote(config.schema) };
  return [
    ...findings,
    ...(await trials(destination, grantee, exists === 'true')),
    ...tlsFindings(config, connection.encrypted),
  ];
}

interface Grantee {
  readonly role: string;
  readonly database: string;
  readonly schema: string;
}

/** No such table is what asking for it should say; no such schema was told by the step before. */
const expected = new Set(['42P01', '3F000']);

async function trials(
  { connection: { client } }: Destination,
  { role, database, schema }: Grantee,
  exists: boolean,
): Promise<Finding[]> {
  const table = `${schema}.${quote(`${ownPrefix}check`)}`;
  const steps = [
    ...(exists
      ? []
      : [['create-schema', `CREATE SCHEMA ${schema}`, `GRANT CREATE ON DATABASE ${database} TO ${role}`]]),
    [
      'schema-usage',
      `SELECT ${literal(schema)}::regnamespace; SELECT FROM ${schema}.no_such_table_`,
      `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
    ],
    [
      'create-table',
      `CREATE TABLE ${table} (id integer PRIMARY KEY); INSERT INTO ${table} VALUES (1); ALTER TABLE ${table} RENAME TO ${quote(`${ownPrefix}checked`)}`,
      `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}`,
    ],
    [
      'temporary-table',
      `CREATE TEMPORARY TABLE ${quote(`${ownPrefix}check`)} (id integer)`,
      `GRANT TEMPORARY ON DATABASE ${database} TO ${role}`,
    ],
  ] as const;
  const findings: Finding[] = [];
  await client.query('BEGIN');
  try {
    for (const [code, sql, fix] of steps) {
      await client.query('SAVEPOINT step');
      const error = await client.query(sql!).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error !== undefined) await client.query('ROLLBACK TO SAVEPOINT step');
      if (error === undefined || expected.has(sqlState(error) ?? '')) continue;
      if (sqlState(error) === undefined) throw error as Error;
      const message = `The role cannot do what a load does: ${error instanceof Error ? error.message : String(error)}.`;
      findings.push({ code: code!, severity: 'error', message, fix: fix! });
    }
  } finally {
    await client.query('ROLLBACK');
  }
  return findings;
}
