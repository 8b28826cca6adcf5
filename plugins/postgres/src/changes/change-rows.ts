/** From the cells of a change to rows in the shape of their stream. */
import { type Change, DataError, type Row, type Stream, type Value } from '@sluice/connector-sdk';
import { quote } from '../names.js';
import type { ReadCell } from './cell-text.js';
import { MalformedMessage } from './message-cursor.js';
import type { Delete, Insert, Tuple, Update } from './pgoutput-messages.js';

/** Where a cell goes, and how it is read. */
export interface Cell {
  readonly to: number;
  readonly name: string;
  /** Part of the replica identity: the log has its old value when it changed. */
  readonly identity: boolean;
  readonly read: ReadCell;
}
/** A relation as the log describes it, and the stream that its rows are of. */
export interface Shape {
  readonly stream: Stream;
  /** By position in the log's tuples; undefined: not of the stream. */
  readonly cells: readonly (Cell | undefined)[];
  /** The replica identity names every column of the stream's key: without that, rows cannot be told apart by it. */
  readonly keyed: boolean;
}

const [nullCell, unchangedCell, textCell] = [0x6e, 0x75, 0x74];

/** The change as the contract has it. Throws DataError when the log does not say which row it is of. */
export function changeOf(shape: Shape, message: Insert | Update | Delete): Change {
  const { bytes } = message;
  const stream = shape.stream.id;
  if (message.kind === 'insert') return { op: 'insert', stream, after: readRow(shape, bytes, message.after) };
  if (!shape.keyed) throw keyless(shape);
  const before = message.before === undefined ? undefined : readBefore(shape, bytes, message.before, message.whole);
  if (message.kind === 'delete') return { op: 'delete', stream, before: before! };
  const after = readRow(shape, bytes, message.after, { before, whole: message.whole });
  return before === undefined ? { op: 'update', stream, after } : { op: 'update', stream, before, after };
}

/** Of an update: its old values, of the identity's columns or of all. */
interface Old {
  readonly before: Row | undefined;
  readonly whole: boolean;
}

/** `undefined` stands for what an update left out and the log does not have otherwise: never NULL. (Invariant 9) */
function readRow(shape: Shape, bytes: Buffer, tuple: Tuple, old?: Old): Row {
  const { cells } = shape;
  const row: Value[] = new Array<Value>(shape.stream.columns.length);
  let at = tuple + 2;
  refuseOtherWidth(shape, bytes, tuple);
  for (let index = 0; index < cells.length; index++) {
    const cell = cells[index];
    const kind = bytes[at++]!;
    if (kind === nullCell) {
      if (cell !== undefined) row[cell.to] = null;
      continue;
    }
    if (kind === unchangedCell) {
      if (old === undefined) throw new MalformedMessage('an insert leaves a value out');
      if (cell !== undefined) row[cell.to] = old.whole || cell.identity ? old.before?.[cell.to] : undefined;
      continue;
    }
    const size = sizeAt(bytes, at);
    at += 4;
    if (cell !== undefined) row[cell.to] = textOf(kind, cell, bytes, at, size);
    at += size;
  }
  return row;
}

/** Columns that the log does not have the old values of are null. */
function readBefore(shape: Shape, bytes: Buffer, tuple: Tuple, whole: boolean): Row {
  const { cells } = shape;
  const row: Value[] = new Array<Value>(shape.stream.columns.length).fill(null);
  let at = tuple + 2;
  refuseOtherWidth(shape, bytes, tuple);
  for (let index = 0; index < cells.length; index++) {
    const cell = cells[index];
    const kind = bytes[at++]!;
    if (kind === nullCell) continue;
    if (kind === unchangedCell) throw new MalformedMessage('an old row leaves a value out');
    const size = sizeAt(bytes, at);
    at += 4;
    if (cell !== undefined && (whole || cell.identity)) row[cell.to] = textOf(kind, cell, bytes, at, size);
    at += size;
  }
  return row;
}

const sizeAt = (bytes: Buffer, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;

function textOf(kind: number, cell: Cell, bytes: Buffer, at: number, size: number): Value {
  if (kind !== textCell) throw new MalformedMessage('a value in binary form, which was not asked for');
  return cell.read(bytes, at, size);
}

/** A tuple of another width would shift values into other columns. */
function refuseOtherWidth({ stream, cells }: Shape, bytes: Buffer, tuple: Tuple): void {
  const count = (bytes[tuple]! << 8) | bytes[tuple + 1]!;
  if (count === cells.length) return;
  const message = `A change of ${stream.id} has ${count} values where the log described ${cells.length} columns.`;
  throw new DataError(message, { stream: stream.id, code: 'postgres.stream-changed' });
}

function keyless({ stream }: Shape): DataError {
  const message = `The log does not tell which row of ${stream.id} was changed: the replica identity of the table does not have the columns of the key (${stream.key.join(', ')}).`;
  return new DataError(message, {
    stream: stream.id,
    code: 'postgres.replica-identity',
    fix: `ALTER TABLE ${quote(...stream.path)} REPLICA IDENTITY FULL; then start over.`,
  });
}
