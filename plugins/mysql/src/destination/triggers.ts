/**
 * Triggers of a target that is swapped. The shadow gets them when it is full, under names of ours, as names are unique in a
 * database; when the old table is gone they take their own names, while nobody else may write.
 */
import { ConfigError, DataError, codes, isSluiceError } from '@sluice/connector-sdk';
import { currentUser } from '../account.js';
import { toSluiceError } from '../errors.js';
import type { Link } from '../link.js';
import { quoteName, quotePath, quoteText } from '../quote.js';
import { hash } from './names.js';

export interface Trigger {
  readonly name: string;
  /** 'BEFORE INSERT' */
  readonly when: string;
  readonly body: string;
  /** As in CREATE DEFINER = ... */
  readonly definer: string;
  readonly sqlMode: string;
  readonly charset: string;
  readonly collation: string;
}

/** In the order in which they fire. */
export async function triggersOf(link: Link, path: readonly string[]): Promise<readonly Trigger[]> {
  if (link.server.flavour === 'singlestore') return []; // It has none.
  const rows = await link.query(
    'SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT, DEFINER, SQL_MODE, CHARACTER_SET_CLIENT,' +
      ' COLLATION_CONNECTION FROM information_schema.TRIGGERS' +
      ` WHERE EVENT_OBJECT_SCHEMA = ${quoteText(path[0]!)} AND EVENT_OBJECT_TABLE = ${quoteText(path[1]!)}` +
      ' ORDER BY ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER',
  );
  const triggers: Trigger[] = [];
  for (const [name, timing, event, statement, definer, sqlMode, charset, collation] of rows) {
    const [shown] = await link.query(`SHOW CREATE TRIGGER ${quotePath([path[0]!, name!])}`);
    const body = bodyOf(shown?.[2] ?? '', statement ?? '', charset!);
    if (body === undefined) throw unreadable(path, name!);
    const when = `${timing} ${event}`;
    triggers.push({
      name: name!,
      when,
      body,
      definer: account(definer!),
      sqlMode: sqlMode!,
      charset: charset!,
      collation: collation!,
    });
  }
  return triggers;
}

const account = (definer: string): string => {
  const at = definer.lastIndexOf('@');
  return at < 0 || at === definer.length - 1
    ? quoteName(definer.replace(/@$/, ''))
    : `${quoteName(definer.slice(0, at)) /* a role has no host */}@${quoteName(definer.slice(at + 1))}`;
};

/**
 * The catalogue has the body by itself, but with a '?' for each character beyond U+FFFF; SHOW CREATE TRIGGER has it whole, behind a
 * header as its author wrote it. Undefined when the one does not end with the other, or the header says more than we would repeat.
 */
export function bodyOf(whole: string, shown: string, charset: string): string | undefined {
  const [all, some] = [[...whole.trimEnd()], [...shown.trimEnd()]];
  const body = all.slice(all.length - some.length);
  const header = all.slice(0, all.length - some.length).join('');
  const same = some.length > 0 && body.every((char, i) => char === some[i] || (some[i] === '?' && char.length === 2));
  if (!same || !/\b(BEFORE|AFTER)\s+(INSERT|UPDATE|DELETE)\s+ON\s/i.test(header)) return undefined;
  const text = body.join('');
  // Our bytes are UTF-8: under another character set they mean the same only where both are ASCII.
  // eslint-disable-next-line no-control-regex
  return /^utf8/i.test(charset) || /^[\x00-\x7f]*$/.test(text) ? text : undefined;
}

const unreadable = (path: readonly string[], name: string): DataError =>
  new DataError(`The trigger ${JSON.stringify(name)} of ${path.join('.')} cannot be made anew as it is.`, {
    stream: '',
    code: codes.targetMismatch,
    fix: `Drop the trigger, make it again with 'SET NAMES utf8mb4' and one event, or load this table in mode upsert.`,
  });

const waitingPrefix = '_sluice_trg_';
const waitingName = (shadow: readonly string[], { name }: Trigger): string =>
  `${waitingPrefix}${hash(...shadow, name).slice(0, 32)}`;

async function create(link: Link, trigger: Trigger, name: readonly string[], table: readonly string[]): Promise<void> {
  const [was] = await link.query('SELECT @@SESSION.sql_mode');
  const { sqlMode, charset, collation, definer, when, body } = trigger;
  await link.run(
    `SET SESSION sql_mode = ${quoteText(sqlMode)}, character_set_client = ${quoteName(charset)}, collation_connection = ${quoteName(collation)}`,
  );
  try {
    await link.run(
      `CREATE DEFINER = ${definer} TRIGGER ${quotePath(name)} ${when} ON ${quotePath(table)} FOR EACH ROW ${body}`,
    );
  } finally {
    if (!link.lost) {
      await link.run('SET NAMES utf8mb4');
      await link.run(`SET SESSION sql_mode = ${quoteText(was?.[0] ?? '')}`);
    }
  }
}

const drop = (name: readonly string[]): string => `DROP TRIGGER IF EXISTS ${quotePath(name)}`;

async function namesOn(link: Link, path: readonly string[]): Promise<ReadonlySet<string>> {
  const where = `EVENT_OBJECT_SCHEMA = ${quoteText(path[0]!)} AND EVENT_OBJECT_TABLE = ${quoteText(path[1]!)}`;
  const rows = await link.query(`SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE ${where}`);
  return new Set(rows.map(([name]) => name!));
}

/** Onto the full shadow, under their waiting names. Repeatable. */
export async function hangOn(link: Link, shadow: readonly string[], triggers: readonly Trigger[]): Promise<void> {
  if (triggers.length === 0) return;
  const there = await namesOn(link, shadow);
  // All or none, for their order.
  for (const name of there) await link.run(drop([shadow[0]!, name]));
  for (const trigger of triggers) await create(link, trigger, [shadow[0]!, waitingName(shadow, trigger)], shadow);
}

/**
 * On the new target, when the old one is gone: from waiting names to their own. Writers wait meanwhile; should this be killed in
 * between, both may stand until the next run, and a trigger fires twice rather than not at all. Repeatable.
 */
export async function takeNames(link: Link, target: readonly string[], triggers: readonly Trigger[]): Promise<void> {
  if (link.server.flavour === 'singlestore') return;
  const there = await namesOn(link, target);
  const waiting = [...there].filter((name) => name.startsWith(waitingPrefix));
  const whole = triggers.every((trigger) => there.has(trigger.name));
  if (waiting.length === 0 && whole) return;
  await locked(link, target, async () => {
    // Those of a run that was killed are made again while the waiting ones stand: the order counts.
    for (const trigger of whole ? [] : triggers) {
      await link.run(drop([target[0]!, trigger.name]));
      await create(link, trigger, [target[0]!, trigger.name], target);
    }
    for (const name of waiting) await link.run(drop([target[0]!, name]));
  });
}

async function locked(link: Link, table: readonly string[], work: () => Promise<void>): Promise<void> {
  await link.run(`LOCK TABLES ${quotePath(table)} WRITE`);
  try {
    await work();
  } finally {
    if (!link.lost) await link.run('UNLOCK TABLES');
  }
}

/** Does on an empty shadow all that the swap will do, so that a right that is missing is known before the load. Throws ConfigError. */
export async function rehearse(
  link: Link,
  target: readonly string[],
  shadow: readonly string[],
  triggers: readonly Trigger[],
): Promise<void> {
  if (triggers.length === 0) return;
  try {
    await locked(link, shadow, async () => {
      for (const trigger of triggers) {
        const name = [shadow[0]!, waitingName(shadow, trigger)];
        await create(link, trigger, name, shadow);
        await link.run(drop(name));
      }
    });
  } catch (error) {
    const known = toSluiceError(error);
    if (isSluiceError(known, 'transient')) throw known;
    throw new ConfigError(
      `The triggers of ${target.join('.')} cannot be made anew on the table that replaces it: ${(error as Error).message.slice(0, 300)}`,
      {
        code: codes.permission,
        cause: error,
        fix: `GRANT TRIGGER, LOCK TABLES ON ${quoteName(target[0]!)}.* TO ${await currentUser(link)}; triggers of another definer, or a server with a binary log, need more (SUPER, SET USER or log_bin_trust_function_creators). Or load this table in mode upsert.`,
      },
    );
  }
}
