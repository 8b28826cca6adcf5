/**
 * The logical replication protocol of PostgreSQL, versions 1 to 4: one message in, one value out. Pure and without copies. A
 * message that is cut short, goes on too long or says something unknown throws; none is ever half read. (Invariant 9)
 */
import { ConfigError, codes } from '@sluice/connector-sdk';
import { Cursor, MalformedMessage } from './message-cursor.js';
import type { Message, RelationColumn, ReplicaIdentity } from './pgoutput-messages.js';

export interface DecodeOptions {
  /** Between stream-start and stream-stop messages carry the id of their (sub)transaction. */
  readonly streamed: boolean;
  /** With `streaming 'parallel'` (version 4) an abort says where and when. */
  readonly parallel?: boolean;
}

/** The message in `bytes` from `at` to `end`. Throws MalformedMessage, and ConfigError for two-phase commit. */
export function decodeMessage(bytes: Buffer, at: number, end: number, { streamed, parallel }: DecodeOptions): Message {
  const read = new Cursor(bytes, at, end);
  const letter = read.uint8();
  const message = decodeBody(read, letter, streamed, parallel ?? false);
  read.finish();
  return message;
}

const letterOf = (text: string): number => text.charCodeAt(0);
const [newRow, keyRow, oldRow] = [letterOf('N'), letterOf('K'), letterOf('O')];

function decodeBody(read: Cursor, letter: number, streamed: boolean, parallel: boolean): Message {
  const xid = (): number | undefined => (streamed ? read.uint32() : undefined);
  switch (letter) {
    case 0x49: // I
      return { kind: 'insert', xid: xid(), relation: read.uint32(), bytes: read.bytes, after: read.tupleOf(newRow) };
    case 0x55: // U
      return decodeUpdate(read, xid());
    case 0x44: // D
      return decodeDelete(read, xid());
    case 0x42: // B
      return { kind: 'begin', lsn: read.uint64(), time: read.int64(), xid: read.uint32() };
    case 0x43: // C
      return { kind: 'commit', ...read.commit() };
    case 0x4f: // O
      return { kind: 'origin', lsn: read.uint64(), name: read.text() };
    case 0x52: // R
      return decodeRelation(read, xid());
    case 0x59: // Y
      return { kind: 'type', xid: xid(), id: read.uint32(), schema: read.text(), name: read.text() };
    case 0x54: // T
      return decodeTruncate(read, xid());
    case 0x4d: // M
      return decodeLogical(read, xid());
    case 0x53: // S
      if (streamed) throw new MalformedMessage('a streamed block begins inside another');
      return { kind: 'stream-start', xid: read.uint32(), first: read.flag() };
    case 0x45: // E
      if (!streamed) throw new MalformedMessage('a streamed block ends that was not begun');
      return { kind: 'stream-stop' };
    case 0x63: // c
      return { kind: 'stream-commit', xid: read.uint32(), ...read.commit() };
    case 0x41: // A
      return decodeAbort(read, parallel);
    default:
      throw unknown(letter);
  }
}

/** b, P, K, r, p: two-phase commit is not asked for, and a slot that was made with it is not ours. */
function unknown(letter: number): Error {
  if (!'bPKrp'.includes(String.fromCharCode(letter)))
    return new MalformedMessage(`a message of type 0x${letter.toString(16)}`);
  return new ConfigError('The replication slot decodes prepared transactions ahead of their commit (two_phase).', {
    code: codes.unsupported,
    fix: 'Drop the replication slot and start over: Sluice makes one without two_phase.',
  });
}

function decodeUpdate(read: Cursor, xid: number | undefined): Message {
  const relation = read.uint32();
  const { bytes } = read;
  const letter = read.peek();
  if (letter !== keyRow && letter !== oldRow)
    return { kind: 'update', xid, relation, bytes, whole: false, after: read.tupleOf(newRow) };
  const before = read.tupleOf(letter);
  return { kind: 'update', xid, relation, bytes, before, whole: letter === oldRow, after: read.tupleOf(newRow) };
}

function decodeDelete(read: Cursor, xid: number | undefined): Message {
  const relation = read.uint32();
  const whole = read.peek() === oldRow;
  return { kind: 'delete', xid, relation, bytes: read.bytes, before: read.tupleOf(whole ? oldRow : keyRow), whole };
}

function decodeRelation(read: Cursor, xid: number | undefined): Message {
  const [id, schema, name] = [read.uint32(), read.text(), read.text()];
  const identity = String.fromCharCode(read.uint8());
  if (!/^[dfin]$/.test(identity)) throw new MalformedMessage(`a replica identity ${JSON.stringify(identity)}`);
  const columns: RelationColumn[] = [];
  for (let left = read.uint16(); left > 0; left--) {
    const flags = read.uint8();
    columns.push({ identity: (flags & 1) !== 0, name: read.text(), type: read.uint32(), modifier: read.int32() });
  }
  return { kind: 'relation', xid, id, schema, name, identity: identity as ReplicaIdentity, columns };
}

function decodeTruncate(read: Cursor, xid: number | undefined): Message {
  const count = read.uint32();
  const options = read.uint8();
  if (options > 3) throw new MalformedMessage(`truncate with options ${options}`);
  const relations: number[] = [];
  for (let left = count; left > 0; left--) relations.push(read.uint32());
  return { kind: 'truncate', xid, relations, cascade: (options & 1) !== 0, restartIdentity: (options & 2) !== 0 };
}

function decodeLogical(read: Cursor, xid: number | undefined): Message {
  const transactional = read.flag();
  const [lsn, prefix] = [read.uint64(), read.text()];
  return { kind: 'message', xid, transactional, lsn, prefix, content: read.slice(read.uint32()) };
}

function decodeAbort(read: Cursor, parallel: boolean): Message {
  const message = { kind: 'stream-abort', xid: read.uint32(), subxid: read.uint32() } as const;
  if (parallel) read.skip(16);
  return message;
}
