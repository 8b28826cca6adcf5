/** From events of the log to batches of the contract. */
import { type Batch, type Checkpoint, DataError, LostPositionError, streamId } from '@sluice/connector-sdk';
import { changesRows, readDdl, readEmptying, tokens } from './ddl.js';
import { DdlEffects } from './ddl-effects.js';
import type { BinlogEvent, Decoded, Header, Query, RowsEvent, TableMap } from './events.js';
import type { LogCursor, Named } from './log-cursor.js';
import { Outbox } from './outbox.js';
import { type Place, comparePlaces, toCheckpoint } from './position.js';
import type { Resolved, SchemaHistory } from './schema-history.js';
import type { Since } from './since.js';

interface Group {
  readonly named: Named | undefined;
  readonly start: Place;
  /** It goes on until COMMIT; else it is the one statement that comes next. */
  open: boolean;
  /** It ends prepared (XA), and may yet be rolled back. */
  readonly prepared: boolean;
}

export interface TransactionsOptions {
  readonly history: SchemaHistory;
  readonly cursor: LogCursor;
  readonly since: Since;
  readonly streams: readonly string[];
  readonly dropped: readonly string[];
  /** 'stop' at a table that was put in a captured one's place by renaming; 'follow' it where its rows are the same. */
  readonly onReplace: 'stop' | 'follow';
  readonly warn: (message: string, stream: string) => void;
}

/** What the log's transactions become; fed event by event. */
export class Transactions {
  readonly outbox: Outbox;
  /** By table id: the map as it stood in the log, and what it means; undefined for tables that nobody captures. */
  readonly #tables = new Map<number, { readonly key: string; readonly resolved: Resolved | undefined }>();
  readonly #ddl: DdlEffects;
  #group: Group | undefined;

  constructor(private readonly options: TransactionsOptions) {
    this.#ddl = new DdlEffects(options);
    this.outbox = new Outbox(this.checkpoint());
  }

  /** After the last transaction that has ended. */
  readonly checkpoint = (): Checkpoint => toCheckpoint(this.options.cursor.position(this.#ddl.dropped));
  /** No transaction is open. */
  get between(): boolean {
    return this.#group === undefined;
  }

  /** Generators cost; most events need none. Answers what is to be awaited and yielded, if anything is. */
  take({ header, event }: Decoded): AsyncGenerator<Batch> | undefined {
    const { cursor } = this.options;
    const before = cursor.here;
    if (event.kind !== 'rotate') cursor.move(header);
    switch (event.kind) {
      case 'rows':
        return this.#rows(event);
      case 'table-map':
        return this.#tableMap(event);
      case 'gtid':
      case 'mariadb-gtid':
      case 'anonymous':
        return void this.#begin(event, before);
      case 'xid':
        return void this.#commit();
      case 'query':
        return this.#query(event, before);
      case 'payload':
        return this.#payload(event.events);
      default:
        return this.#other(header, event);
    }
  }

  #other(header: Header, event: BinlogEvent): undefined {
    const { cursor } = this.options;
    if (event.kind === 'rotate') {
      cursor.rotate(event.file, event.position);
      // A made-up one only names the file that the server begins with.
      if (header.time !== 0 && this.#group === undefined) cursor.pass();
    } else if (event.kind === 'format') this.#tables.clear();
    else if (event.kind === 'xa-prepare') this.#prepare(event.onePhase);
    else if (event.kind === 'incident')
      throw new LostPositionError(
        'The server says that changes are missing from its binary log.',
        JSON.stringify(cursor.here),
        'what follows the gap',
        { fix: 'Copy the tables anew.' },
      );
    return undefined;
  }

  #begin(event: BinlogEvent, start: Place): void {
    const named = event.kind === 'gtid' || event.kind === 'mariadb-gtid' ? event : undefined;
    const maria = event.kind === 'mariadb-gtid' ? event : undefined;
    this.#group = { named, start, open: maria?.standalone === false, prepared: maria?.prepared === true };
  }

  #commit(): void {
    if (this.#group?.prepared === true) return this.#prepare(false);
    this.outbox.commit();
    this.#end();
  }
  #end(): void {
    this.options.cursor.end(this.#group?.named);
    this.#group = undefined;
  }

  /** Its changes may be committed later or never, by another session and at another place. */
  #prepare(onePhase: boolean): void {
    if (!onePhase && (this.outbox.openCount > 0 || this.outbox.spilled))
      throw new DataError('An XA transaction changes captured tables; prepared transactions are not followed.', {
        stream: this.#streamOfOpen(),
        code: 'mysql.xa-transaction',
        fix: 'Change the tables without XA (or in one phase), and read them anew.',
      });
    this.outbox.commit();
    this.#end();
  }
  #streamOfOpen(): string {
    return this.outbox.open.at(-1)?.stream ?? this.options.streams[0] ?? '';
  }

  #tableMap(map: TableMap): AsyncGenerator<Batch> | undefined {
    const id = streamId([map.schema, map.table]);
    if (!this.options.history.has(id)) return void this.#tables.set(map.tableId, { key: '', resolved: undefined });
    const key = keyOf(map);
    if (this.#tables.get(map.tableId)?.key === key) return undefined;
    return this.#resolve(map, key);
  }

  async *#resolve(map: TableMap, key: string): AsyncGenerator<Batch> {
    if (this.#isCopied(streamId([map.schema, map.table]))) {
      this.#tables.set(map.tableId, { key: '', resolved: undefined });
      return;
    }
    const resolved = await this.options.history.resolve(map, this.options.cursor.here);
    this.#tables.set(map.tableId, { key, resolved });
    if (resolved?.changed === true) yield* this.outbox.schema(resolved.stream, this.checkpoint);
  }

  /** The copy of the stream has the open transaction already. */
  #isCopied(id: string): boolean {
    const { since } = this.options;
    return !since.empty && this.#group !== undefined && since.has(id, this.#group.start, this.#group.named);
  }

  #rows(event: RowsEvent): AsyncGenerator<Batch> | undefined {
    const table = this.#tables.get(event.tableId);
    if (table === undefined) {
      if (event.columns === 0 || event.tableId === 0xff_ffff) return undefined; // only ends a statement
      throw new DataError('The binary log holds rows of a table that it has not described.', {
        stream: '',
        code: 'mysql.no-table-map',
      });
    }
    const { resolved } = table;
    if (resolved === undefined || this.#isCopied(resolved.id)) return undefined;
    if (resolved.images.lacksDefaults(event)) return this.#readWithDefaults(resolved, event);
    resolved.images.read(event, this.outbox.open);
    this.outbox.added(event.rows.length);
    return undefined;
  }

  // eslint-disable-next-line require-yield -- what is awaited is asked for in the form of what is yielded
  async *#readWithDefaults({ id, images }: Resolved, event: RowsEvent): AsyncGenerator<Batch> {
    images.defaults = await this.options.history.defaults(id, this.options.cursor.here);
    images.read(event, this.outbox.open);
    this.outbox.added(event.rows.length);
  }

  #query(query: Query, before: Place): AsyncGenerator<Batch> | undefined {
    const { sql } = query;
    if (sql === 'BEGIN' || /^XA START\b/i.test(sql)) {
      this.#group ??= { named: undefined, start: before, open: true, prepared: false };
      this.#group.open = true;
      return undefined;
    }
    if (sql === 'COMMIT') return void this.#commit();
    if (/^ROLLBACK\b/i.test(sql)) return void this.#rollBack(/\bTO\b/i.test(sql));
    if (/^XA (?:COMMIT|ROLLBACK)\b/i.test(sql)) return void this.#commit(); // of what was prepared before: a group of its own
    if (/^(?:SAVEPOINT|RELEASE|XA)\b/i.test(sql)) return undefined;
    return this.#statement(query, before);
  }

  // eslint-disable-next-line require-yield -- what is awaited is asked for in the form of what is yielded
  async *#statement(query: Query, before: Place): AsyncGenerator<Batch> {
    const { cursor, history } = this.options;
    this.#group ??= { named: undefined, start: before, open: false, prepared: false };
    const ddl = readDdl(query);
    if (ddl !== undefined) {
      const effects = this.#ddl.of(ddl, (id) => this.#isCopied(id));
      for (const id of effects.touched) await history.invalidate(id, cursor.here);
      if (effects.touched.length > 0) this.#tables.clear();
      for (const stream of effects.emptied) this.outbox.push({ op: 'truncate', stream });
    } else if (changesRows(query)) this.#textual(query);
    if (!this.#group.open) this.#commit();
  }

  /** What a statement did to rows only the server knows, but for one that takes all: a MEMORY table after a restart is one. */
  #textual(query: Query): void {
    const emptied = readEmptying(query);
    if (emptied !== undefined) {
      const id = streamId(emptied);
      if (this.options.history.has(id) && !this.#isCopied(id)) this.outbox.push({ op: 'truncate', stream: id });
      return;
    }
    const names = new Set(tokens(query).map(({ text }) => text.toLowerCase()));
    const stream = this.options.streams.find((id) => {
      const [schema = '', table = ''] = splitId(id);
      return names.has(table) || query.schema.toLowerCase() === schema;
    });
    if (stream === undefined || this.#isCopied(stream)) return;
    throw new DataError(`${stream}: a statement that changes rows is in the binary log as text, not as rows.`, {
      stream,
      code: 'mysql.statement-format',
      fix: 'SET GLOBAL binlog_format = ROW, let sessions connect anew, and read the tables anew.',
    });
  }

  #rollBack(toSavepoint: boolean): void {
    const { outbox } = this;
    if (!toSavepoint && !outbox.spilled) {
      const kept = new Set(
        [...this.#tables.values()].flatMap(({ resolved }) => (resolved?.transactional === false ? [resolved.id] : [])),
      );
      outbox.rollBack(({ stream }) => kept.has(stream));
      return this.#end();
    }
    if (outbox.openCount === 0 && !outbox.spilled) return toSavepoint ? undefined : this.#commit();
    throw new DataError('A transaction over tables with and without transactions was rolled back in part.', {
      stream: this.#streamOfOpen(),
      code: 'mysql.partial-rollback',
      fix: 'Read the table anew.',
    });
  }

  async *#payload(events: readonly Decoded[]): AsyncGenerator<Batch> {
    for (const each of events) {
      const more = this.take({ header: { ...each.header, next: 0 }, event: each.event });
      if (more !== undefined) yield* more;
      if (this.outbox.full) yield* this.outbox.flush(this.checkpoint);
    }
  }

  /** True once everything up to `end` was read. */
  reached(end: Place): boolean {
    return this.between && comparePlaces(this.options.cursor.done, end) >= 0;
  }
}

/** Everything that a map says of its table, as one text to compare. */
function keyOf(map: TableMap): string {
  return JSON.stringify([map.schema, map.table, map.columns, map.key]);
}
function splitId(id: string): readonly string[] {
  return id.toLowerCase().split('.');
}
