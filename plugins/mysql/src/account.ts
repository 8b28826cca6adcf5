import type { Link } from './link.js';
import { nameProblem, quoteName, quoteText } from './quote.js';

/** The account that the server matched, quoted for a GRANT. */
export async function currentUser(link: Link): Promise<string> {
  const [row] = await link.query('SELECT CURRENT_USER()');
  const account = row?.[0] ?? '';
  const at = account.lastIndexOf('@');
  return `${quoteName(account.slice(0, at) || 'anonymous')}@${quoteName(account.slice(at + 1) || '%')}`;
}

export async function hasDatabase(link: Link, database: string): Promise<boolean> {
  if (nameProblem(database) !== undefined) return false;
  const rows = await link.query(`SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${quoteText(database)}`);
  return rows.length > 0;
}
