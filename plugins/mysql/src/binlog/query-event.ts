/** QUERY: BEGIN, COMMIT, DDL, and statements of sessions that do not log rows. */
import { Bytes } from './bytes.js';
import { inflateMariadb } from './compressed.js';
import type { Query } from './events.js';

export function readQuery(body: Bytes, compressed: boolean): Query {
  body.claim(8); // connection, seconds
  const schemaLength = body.u8();
  body.u16();
  const sqlMode = readSqlMode(new Bytes(body.take(body.u16())));
  const schema = body.text(schemaLength);
  body.u8();
  const text = compressed ? inflateMariadb(body.rest()) : body.rest();
  return { kind: 'query', schema, sql: readable(text), sqlMode };
}

/** Names beyond ASCII are in the character set of the client, which is UTF-8 but for rare ones. */
function readable(text: Buffer): string {
  const utf8 = text.toString('utf8');
  return utf8.includes('\uFFFD') && !text.equals(Buffer.from(utf8)) ? text.toString('latin1') : utf8;
}

const status = { flags: 0, sqlMode: 1 };
/** The flags come first, then the mode; nothing else is of interest. */
function readSqlMode(variables: Bytes): bigint {
  while (variables.left > 0) {
    const type = variables.u8();
    if (type === status.sqlMode) return variables.u64();
    if (type !== status.flags) return 0n;
    variables.u32();
  }
  return 0n;
}
