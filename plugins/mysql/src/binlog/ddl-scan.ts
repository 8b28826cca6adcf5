/** Looks ahead in the log for DDL on captured tables, on a connection of its own. Rows are passed over unread. */
import type { ConnectionConfig } from '../config.js';
import { type DumpOptions, openDump } from './binlog-link.js';
import { type Ddl, readDdl } from './ddl.js';
import { EventReader, readHeader } from './event-reader.js';
import { code } from './events.js';
import { LogCursor } from './log-cursor.js';
import { type Place, comparePlaces } from './position.js';
import { parsePath } from '@sluice/connector-sdk';

export interface ScanOptions {
  readonly from: Place;
  readonly to: Place;
  readonly streams: readonly string[];
  readonly signal: AbortSignal;
}

const wanted: ReadonlySet<number> = new Set([code.format, code.rotate, code.query, code.mariadbQueryCompressed]);

/** By stream id, the place of the last DDL on it behind `from` and up to `to`. */
export async function scanDdl(
  config: ConnectionConfig,
  dumpOptions: Omit<DumpOptions, 'untilEnd'>,
  { from, to, streams, signal }: ScanOptions,
): Promise<ReadonlyMap<string, Place>> {
  const found = new Map<string, Place>();
  const cursor = new LogCursor({ ...from, server: '' }, '', 'mysql');
  const reader = new EventReader();
  // The middle of a transaction is no place to start from: its table maps are missing, but rows are not read here.
  await using dump = await openDump(config, { ...dumpOptions, untilEnd: true }, { by: 'place', place: from });
  for (let events = await dump.next(signal); events !== undefined; events = await dump.next(signal)) {
    for (const bytes of events) {
      const header = readHeader(bytes);
      if (wanted.has(header.code)) {
        const { event } = reader.read(bytes);
        if (event.kind === 'rotate') {
          cursor.rotate(event.file, event.position);
          continue;
        }
        cursor.move(header);
        const ddl = event.kind === 'query' ? readDdl(event) : undefined;
        if (ddl !== undefined) for (const id of touchedBy(ddl, streams)) found.set(id, cursor.here);
      } else cursor.move(header);
      if (comparePlaces(cursor.here, to) >= 0) return found;
    }
  }
  return found;
}

function touchedBy(ddl: Ddl, streams: readonly string[]): readonly string[] {
  const names: (readonly string[])[] = [];
  if (ddl.kind === 'drop-schema') return streams.filter((id) => parsePath(id)[0] === ddl.schema);
  if (ddl.kind === 'truncate') return [];
  if (ddl.kind === 'drop') names.push(...ddl.tables);
  else if (ddl.kind === 'rename') names.push(...ddl.pairs.flat());
  else names.push(ddl.table, ...(ddl.kind === 'alter' && ddl.newName !== undefined ? [ddl.newName] : []));
  return streams.filter((id) => {
    const [schema, table] = parsePath(id);
    return names.some((name) => name[0] === schema && name[1] === table);
  });
}
