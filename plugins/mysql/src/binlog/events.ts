/** What the binary log is made of, decoded. Codes are those of the protocol; names are ours. */

export const code = {
  query: 2,
  stop: 3,
  rotate: 4,
  format: 15,
  xid: 16,
  tableMap: 19,
  incident: 26,
  heartbeat: 27,
  ignorable: 28,
  rowsQuery: 29,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  xaPrepare: 38,
  partialUpdateRows: 39,
  transactionPayload: 40,
  heartbeat2: 41,
  taggedGtid: 42,
  mariadbAnnotate: 160,
  mariadbCheckpoint: 161,
  mariadbGtid: 162,
  mariadbGtidList: 163,
  mariadbStartEncryption: 164,
  mariadbQueryCompressed: 165,
} as const;

/** Flags of an event's header. */
export const flag = { inUse: 0x01, artificial: 0x20, ignorable: 0x80 } as const;

/** Row events by code: what they do, their version, and whether MariaDB compressed them. */
export interface RowsCode {
  readonly op: 'insert' | 'update' | 'delete';
  readonly version: 1 | 2;
  readonly compressed?: true;
  /** After images may hold differences of JSON columns. */
  readonly partial?: true;
}
export const rowsCodes: ReadonlyMap<number, RowsCode> = new Map<number, RowsCode>([
  [23, { op: 'insert', version: 1 }],
  [24, { op: 'update', version: 1 }],
  [25, { op: 'delete', version: 1 }],
  [30, { op: 'insert', version: 2 }],
  [31, { op: 'update', version: 2 }],
  [32, { op: 'delete', version: 2 }],
  [39, { op: 'update', version: 2, partial: true }],
  [166, { op: 'insert', version: 1, compressed: true }],
  [167, { op: 'update', version: 1, compressed: true }],
  [168, { op: 'delete', version: 1, compressed: true }],
  [169, { op: 'insert', version: 2, compressed: true }],
  [170, { op: 'update', version: 2, compressed: true }],
  [171, { op: 'delete', version: 2, compressed: true }],
]);

export interface Header {
  /** Seconds since 1970; 0 in events that the server makes up for the dump. */
  readonly time: number;
  readonly code: number;
  readonly serverId: number;
  readonly size: number;
  /** Where the next event starts, modulo 2^32; 0 when unknown. */
  readonly next: number;
  readonly flags: number;
}

/** A row event up to its rows, which `RowImages` reads with the table's columns. */
export interface RowsEvent {
  readonly kind: 'rows';
  readonly op: 'insert' | 'update' | 'delete';
  readonly partial: boolean;
  readonly tableId: number;
  readonly columns: number;
  /** Which columns an image has: of the row before (update, delete) and after (insert, update). */
  readonly before: Buffer | undefined;
  readonly after: Buffer | undefined;
  readonly rows: Buffer;
}

/** One column as the log describes it. */
export interface WireColumn {
  /** The column type of the protocol; ENUM (247) and SET (248) told apart from CHAR (254). */
  readonly type: number;
  /** Length, precision or size of a length prefix, as the type has it. */
  readonly meta: number;
  readonly nullable: boolean;
  /** What only servers with `binlog_row_metadata` MINIMAL or FULL write; undefined else. */
  readonly unsigned?: boolean;
  readonly collation?: number;
  /** FULL only. */
  readonly name?: string;
  /** FULL only; of ENUM and SET, in the column's own character set. */
  readonly members?: readonly Buffer[];
}
export interface TableMap {
  readonly kind: 'table-map';
  readonly tableId: number;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly WireColumn[];
  /** All columns have names: `binlog_row_metadata` is FULL. */
  readonly named: boolean;
  /** Positions of the primary key's columns, where the log says. */
  readonly key?: readonly number[];
}

export interface Query {
  readonly kind: 'query';
  readonly schema: string;
  readonly sql: string;
  readonly sqlMode: bigint;
}

export type BinlogEvent =
  | { readonly kind: 'format'; readonly server: string; readonly checksums: boolean }
  | { readonly kind: 'rotate'; readonly file: string; readonly position: bigint }
  | Query
  | { readonly kind: 'xid' }
  | { readonly kind: 'xa-prepare'; readonly onePhase: boolean }
  | { readonly kind: 'gtid'; readonly uuid: string; readonly tag: string; readonly number: bigint }
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'mariadb-gtid';
      readonly domain: number;
      readonly serverId: number;
      readonly sequence: bigint;
      /** One event and no COMMIT follows. */
      readonly standalone: boolean;
      /** The group ends prepared, not committed. */
      readonly prepared: boolean;
    }
  | { readonly kind: 'gtid-list' }
  | TableMap
  | RowsEvent
  | { readonly kind: 'payload'; readonly events: readonly Decoded[] }
  | { readonly kind: 'heartbeat'; readonly file: string }
  | { readonly kind: 'incident' }
  | { readonly kind: 'skipped' };

export interface Decoded {
  readonly header: Header;
  readonly event: BinlogEvent;
}
