/** What the plugin pgoutput says, message by message. Positions are LSNs as 64-bit integers; tuples stay where they are. */

/** Where a tuple starts in the bytes that its message was decoded from; they are not copied. */
export type Tuple = number;

export interface RelationColumn {
  readonly name: string;
  /** Part of the replica identity; with REPLICA IDENTITY FULL every column is. */
  readonly identity: boolean;
  readonly type: number;
  readonly modifier: number;
}
/** 'd'efault (the primary key), 'f'ull, 'i'ndex, 'n'othing. */
export type ReplicaIdentity = 'd' | 'f' | 'i' | 'n';

interface Commit {
  readonly lsn: bigint;
  /** Just behind the commit record: where the next read goes on. */
  readonly end: bigint;
  /** Microseconds since 2000-01-01 UTC. */
  readonly time: bigint;
}
/** `xid`: of the (sub)transaction, inside a streamed block only. */
interface Streamed {
  readonly xid: number | undefined;
}
interface OfRelation extends Streamed {
  readonly relation: number;
  readonly bytes: Buffer;
}

export type Begin = { readonly kind: 'begin'; readonly lsn: bigint; readonly time: bigint; readonly xid: number };
export type Relation = Streamed & {
  readonly kind: 'relation';
  readonly id: number;
  /** '' stands for pg_catalog. */
  readonly schema: string;
  readonly name: string;
  readonly identity: ReplicaIdentity;
  readonly columns: readonly RelationColumn[];
};
export type Insert = OfRelation & { readonly kind: 'insert'; readonly after: Tuple };
/** `before`: the old key ('K') or the old row ('O'); absent when neither was logged. */
export type Update = OfRelation & {
  readonly kind: 'update';
  readonly before?: Tuple;
  readonly whole: boolean;
  readonly after: Tuple;
};
export type Delete = OfRelation & { readonly kind: 'delete'; readonly before: Tuple; readonly whole: boolean };
export type Truncate = Streamed & {
  readonly kind: 'truncate';
  readonly relations: readonly number[];
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
};

export type Message =
  | Begin
  | ({ readonly kind: 'commit' } & Commit)
  | { readonly kind: 'origin'; readonly lsn: bigint; readonly name: string }
  | Relation
  /** The name of a type that is not built in; of a domain, the name of its base type. */
  | (Streamed & { readonly kind: 'type'; readonly id: number; readonly schema: string; readonly name: string })
  | Insert
  | Update
  | Delete
  | Truncate
  | (Streamed & {
      readonly kind: 'message';
      readonly transactional: boolean;
      readonly lsn: bigint;
      readonly prefix: string;
      readonly content: Buffer;
    })
  | { readonly kind: 'stream-start'; readonly xid: number; readonly first: boolean }
  | { readonly kind: 'stream-stop' }
  | ({ readonly kind: 'stream-commit'; readonly xid: number } & Commit)
  /** `xid` is the whole transaction; when `subxid` is the same all of it is rolled back. */
  | { readonly kind: 'stream-abort'; readonly xid: number; readonly subxid: number };
