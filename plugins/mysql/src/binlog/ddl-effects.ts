/** What DDL does to captured tables beyond their columns: they are emptied, dropped, or replaced by another. */
import { DataError, parsePath, streamId } from '@sluice/connector-sdk';
import type { Ddl } from './ddl.js';

interface Effects {
  /** Their columns may be others now. */
  readonly touched: readonly string[];
  readonly emptied: readonly string[];
}
interface EffectsOptions {
  readonly streams: readonly string[];
  readonly dropped: readonly string[];
  readonly onReplace: 'stop' | 'follow';
  readonly warn: (message: string, stream: string) => void;
}

const none: Effects = { touched: [], emptied: [] };

export class DdlEffects {
  readonly #ids: ReadonlySet<string>;
  readonly #dropped: Set<string>;
  constructor(private readonly options: EffectsOptions) {
    this.#ids = new Set(options.streams);
    this.#dropped = new Set(options.dropped);
  }
  get dropped(): readonly string[] {
    return [...this.#dropped];
  }

  /** `isCopied`: the stream's copy was made after this statement. */
  of(ddl: Ddl, isCopied: (id: string) => boolean): Effects {
    const mine = (name: readonly string[] | undefined): string | undefined => {
      const id = name && streamId(name);
      return id !== undefined && this.#ids.has(id) && !isCopied(id) ? id : undefined;
    };
    switch (ddl.kind) {
      case 'truncate': {
        const id = mine(ddl.table);
        return id === undefined ? none : { touched: [], emptied: [id] };
      }
      case 'create':
        return this.#create(mine(ddl.table), ddl.mayExist);
      case 'alter':
        return this.#alter(ddl, mine);
      case 'drop':
        return this.#drop(ddl.tables.flatMap((name) => mine(name) ?? []));
      case 'drop-schema':
        return this.#drop([...this.#ids].filter((id) => parsePath(id)[0] === ddl.schema && !isCopied(id)));
      case 'rename':
        return this.#rename(ddl.pairs.map(([from, to]) => [mine(from), mine(to)]));
    }
  }

  /** A table that was just made is empty; one that `IF NOT EXISTS` found is what it was. */
  #create(id: string | undefined, mayExist: boolean): Effects {
    if (id === undefined) return none;
    if (mayExist && !this.#dropped.has(id)) return { touched: [id], emptied: [] };
    this.#dropped.delete(id);
    return { touched: [id], emptied: [id] };
  }

  #drop(ids: readonly string[]): Effects {
    for (const id of ids) {
      this.#dropped.add(id);
      this.options.warn(
        'A table was dropped in the source; its rows stay in the destination until it is made anew.',
        id,
      );
    }
    return { touched: ids, emptied: [] };
  }

  #alter(ddl: Extract<Ddl, { kind: 'alter' }>, mine: (name: readonly string[]) => string | undefined): Effects {
    const id = mine(ddl.table);
    const became = ddl.newName && mine(ddl.newName);
    if (became !== undefined && became !== id) this.#replaced(became);
    if (id !== undefined && ddl.takesRows)
      throw new DataError(
        `${id}: partitions or a tablespace were changed, which takes rows without a trace in the log.`,
        {
          stream: id,
          code: 'mysql.rows-without-log',
          fix: 'Read the table anew.',
        },
      );
    return { touched: [id, became].filter((each) => each !== undefined), emptied: [] };
  }

  #rename(pairs: readonly (readonly [from: string | undefined, to: string | undefined])[]): Effects {
    for (const [, to] of pairs) if (to !== undefined) this.#replaced(to);
    return { touched: pairs.flat().filter((each) => each !== undefined), emptied: [] };
  }

  /** The rows of the table that took the name are unknown: tools for schema changes make equal ones, loads make others. */
  #replaced(id: string): void {
    this.#dropped.delete(id);
    if (this.options.onReplace === 'follow')
      return this.options.warn('Another table was renamed to this one; its rows are taken to be the same.', id);
    throw new DataError(`${id}: another table was renamed to this one; which rows it brought the log does not say.`, {
      stream: id,
      code: 'mysql.table-replaced',
      fix: 'Read the table anew.',
    });
  }
}
