/** Whether the user may see the triggers of a table. */
import type { Link } from '../link.js';

/**
 * The catalogue hides triggers from those without the right: what is not seen would be lost in silence. True when the grants of the
 * user cover the table.
 */
export async function seesTriggers(link: Link, path: readonly string[]): Promise<boolean> {
  if (link.server.flavour === 'singlestore') return true; // It has none.
  return grantsTriggers(
    (await link.query('SHOW GRANTS')).map(([line]) => line ?? ''),
    path,
  );
}

const name = '(\\*|`(?:[^`]|``)*`)';

/** `grants`: lines of SHOW GRANTS. */
export function grantsTriggers(grants: readonly string[], path: readonly string[]): boolean {
  const covers = (verb: string): boolean => grants.some((line) => covered(verb, line, path));
  return covers('GRANT') && !covers('REVOKE');
}

function covered(verb: string, line: string, path: readonly string[]): boolean {
  const parts = new RegExp(`^${verb} (.*?) ON (?:TABLE )?${name}\\.${name} (?:TO|FROM) `).exec(line);
  if (parts === null || !/\b(TRIGGER|ALL PRIVILEGES)\b/.test(parts[1]!)) return false;
  const [schema, table] = [parts[2]!, parts[3]!].map((each) => each.replace(/^`|`$/g, '').replaceAll('``', '`'));
  if (table !== '*') return schema === path[0] && table === path[1];
  return schema === '*' || matches(schema!, path[0]!);
}

/** Names of databases in grants of whole databases are patterns of LIKE. */
function matches(pattern: string, database: string): boolean {
  const source = pattern.replace(/\\([\s\S])|([%_])|([\s\S])/g, (_, escaped?: string, any?: string, plain?: string) =>
    any === '%' ? '[^]*' : any === '_' ? '[^]' : (escaped ?? plain ?? '').replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'),
  );
  return new RegExp(`^${source}$`).test(database);
}
