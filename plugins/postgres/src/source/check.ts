/** `check`: everything that stands in the way of reading, at once. */
import { type Finding, tlsFindings } from '@sluice/connector-sdk';
import { quote } from '../names.js';
import { type Source, supported } from './session.js';

interface Facts {
  readonly replica: string;
  readonly role: string;
  readonly schemas: string | null;
  readonly tables: string | null;
  readonly tableCount: string;
  readonly secured: string;
}

/** One statement; names come as JSON, so that hostile ones stay whole. */
const factsSql = `
WITH relation AS (
  SELECT c.oid, n.oid AS namespace, n.nspname::text AS schema, c.relname::text AS name, c.relkind, c.relrowsecurity
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), hidden AS (
  SELECT schema, name FROM relation WHERE NOT has_any_column_privilege(oid, 'SELECT') ORDER BY schema, name
)
SELECT pg_is_in_recovery()::text AS replica, current_user::text AS role,
  (SELECT json_agg(DISTINCT schema) FROM relation WHERE NOT has_schema_privilege(namespace, 'USAGE'))::text AS schemas,
  (SELECT json_agg(json_build_array(schema, name)) FROM (SELECT * FROM hidden LIMIT 20) h)::text AS tables,
  (SELECT count(*) FROM hidden)::text AS "tableCount",
  (SELECT count(*) FROM relation WHERE relrowsecurity AND row_security_active(oid))::text AS secured`;

export async function checkSource({ connection, config }: Source): Promise<Finding[]> {
  const facts = (await connection.client.query<Facts>(factsSql)).rows[0]!;
  return [
    ...versionFindings(connection.version),
    ...encodingFindings(connection.serverEncoding),
    ...grantFindings(facts),
    ...placeFindings(facts),
    ...tlsFindings(config, connection.encrypted),
  ];
}

export function versionFindings(version: number): Finding[] {
  const major = Math.floor(version / 10_000);
  if (major < supported.from) {
    const message = `PostgreSQL ${major} is too old: ${supported.from} to ${supported.to} are supported.`;
    return [
      {
        code: 'unsupported-version',
        severity: 'error',
        message,
        fix: `Upgrade to PostgreSQL ${supported.from} or later.`,
      },
    ];
  }
  if (major <= supported.to) return [];
  const message = `PostgreSQL ${major} is newer than the versions this was tested with (${supported.from} to ${supported.to}).`;
  return [{ code: 'untested-version', severity: 'warning', message }];
}

export function encodingFindings(encoding: string): Finding[] {
  if (encoding === 'UTF8') return [];
  const message =
    encoding === 'SQL_ASCII'
      ? 'The database has no encoding (SQL_ASCII): text that is not UTF-8 ends a load with an error.'
      : `The database's encoding is ${encoding}: characters that it does not have cannot be stored.`;
  return [{ code: 'encoding', severity: 'warning', message }];
}

function grantFindings({ role, schemas, tables, tableCount }: Facts): Finding[] {
  const to = quote(role);
  const closed = ((JSON.parse(schemas ?? 'null') as string[] | null) ?? []).map((name) => quote(name));
  const hidden = ((JSON.parse(tables ?? 'null') as [string, string][] | null) ?? []).map((path) => quote(...path));
  const findings: Finding[] = [];
  if (closed.length > 0) {
    const message = `The role may not use ${closed.length === 1 ? 'a schema that holds' : `${closed.length} schemas that hold`} tables.`;
    const fix = `GRANT USAGE ON SCHEMA ${closed.join(', ')} TO ${to}`;
    findings.push({ code: 'schema-usage', severity: 'warning', message, fix });
  }
  if (hidden.length > 0) {
    const more = Number(tableCount) > hidden.length ? ` (the first ${hidden.length})` : '';
    const message = `The role may not read ${tableCount} tables, which are not offered${more}.`;
    findings.push({
      code: 'select-grant',
      severity: 'warning',
      message,
      fix: `GRANT SELECT ON ${hidden.join(', ')} TO ${to}`,
    });
  }
  return findings;
}

function placeFindings({ replica, secured, role }: Facts): Finding[] {
  const findings: Finding[] = [];
  if (Number(secured) > 0) {
    const message = `Row-level security hides rows of ${secured} tables from this role: only what it may see is read.`;
    findings.push({ code: 'row-security', severity: 'warning', message, fix: `ALTER ROLE ${quote(role)} BYPASSRLS` });
  }
  if (replica === 'true') {
    const message = 'This is a read replica: long reads are cancelled when they hold up its replay.';
    const fix = 'ALTER SYSTEM SET hot_standby_feedback = on; SELECT pg_reload_conf()';
    findings.push({ code: 'replica', severity: 'warning', message, fix });
  }
  return findings;
}
