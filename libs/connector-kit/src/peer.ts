/**
 * A peer is the author's own access to the real system, next to the plugin: with it the kit makes what a source shall read
 * and reads back what a destination wrote. Values have the forms of docs/encodings/rows.md, on both ways.
 */
import type { Change, Column, Encoding, LogicalType, Row, Value } from '@sluice/connector-sdk';

/** A column as the kit asks for it: the system chooses the native type. */
export type PeerColumn = Omit<Column, 'native'>;
export interface PeerTable {
  readonly path: readonly string[];
  readonly columns: readonly PeerColumn[];
  /** Column names; empty for a table without a key. */
  readonly key: readonly string[];
  readonly rows: readonly Row[];
}

/** What the system itself cannot have. Each is printed in the report, so that nothing is left out in silence. */
interface Limits {
  /** What the system makes of a logical type it does not have: `{ uuid: 'string', timestamptz: null }`; null: nothing. */
  readonly types?: Readonly<Partial<Record<LogicalType, LogicalType | null>>>;
  /** Why the system cannot hold this value; undefined when it can. */
  cannotHold?(column: PeerColumn, value: Value): string | undefined;
  /** Why no table or column can have this name; undefined when it can. */
  cannotName?(name: string): string | undefined;
  /** Cuts every connection of the plugin at once, as a restart of the server would. */
  cut?(): Promise<void>;
  /** What the plugin has left in the system and should not: connections, slots, temporary tables. Empty when clean. */
  leftovers?(): Promise<readonly string[]>;
}

export interface SourcePeer extends Limits {
  /** Makes the table anew with exactly these rows. Absent when the system's streams are fixed: then `fixed`. */
  make?(table: PeerTable): Promise<void>;
  /** Adds rows to a table that `make` made. */
  add?(path: readonly string[], rows: readonly Row[]): Promise<void>;
  /** Drops a table, if it is there. */
  drop?(path: readonly string[]): Promise<void>;
  /** One stream of a system that makes none: an API. */
  readonly fixed?: FixedStream;
  /** Commits these changes in one transaction of the source. Needed when `can.modes` has 'changes'. */
  change?(changes: readonly Change[]): Promise<void>;
  /** Makes every position so far unreadable: purges the log, drops the slot. */
  lose?(): Promise<void>;
  /** How many rows the plugin has fetched so far, as a fake API can count: proves that nothing is read ahead. */
  fetched?(): number;
}
export interface FixedStream {
  /** Its id, as `discover` says it. */
  readonly stream: string;
  /** The nth row (from 0) as the plugin shall read it, by the columns of `discover`; a cursor grows with n. */
  row(n: number): Row;
  /** Makes rows 0 to n-1 all that the stream holds. */
  hold(n: number): Promise<void>;
}

export interface DestinationPeer extends Limits {
  /** What the table holds, in any order; undefined when there is no such table. `columns` leaves out the plugin's own. */
  read(
    table: readonly string[],
  ): Promise<{ readonly columns: readonly PeerColumn[]; readonly rows: readonly Row[] } | undefined>;
  /** Makes a table before the plugin comes: a target that exists in a shape of its own. */
  make?(table: PeerTable): Promise<void>;
  /** Drops a table, if it is there. */
  drop?(table: readonly string[]): Promise<void>;
  /** All tables in the reach of the configuration, bookkeeping and shadows included. */
  tables?(): Promise<readonly string[]>;
}

/** Rows from and to the bytes of an encoding: the shape of @sluice/encodings' codecs. */
export interface KitCodec {
  readonly encoding: Encoding;
  encoder(columns: readonly Column[]): {
    begin(): Uint8Array;
    rows(rows: readonly Row[]): Uint8Array;
    end(): Uint8Array;
  };
  decoder(columns: readonly Column[]): { push(chunk: Uint8Array): Row[]; end(): Row[] };
}
