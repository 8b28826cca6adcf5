/** Bytes of the binary log to events. Pure: no connection, no clock; malformed input throws MalformedEvent. */
import { crc32 } from 'node:zlib';
import { Bytes, MalformedEvent } from './bytes.js';
import { inflateMariadb, unpackPayload } from './compressed.js';
import { type BinlogEvent, type Decoded, type Header, type RowsCode, code, flag, rowsCodes } from './events.js';
import { readGtid, readMariadbGtid, readTaggedGtid } from './gtid-event.js';
import { readQuery } from './query-event.js';
import { readTableMap } from './table-map.js';

const headerSize = 19;
const checksumSize = 4;

export function readHeader(event: Buffer): Header {
  if (event.length < headerSize) throw new MalformedEvent('it is shorter than a header');
  const header = {
    time: event.readUInt32LE(0),
    code: event[4]!,
    serverId: event.readUInt32LE(5),
    size: event.readUInt32LE(9),
    next: event.readUInt32LE(13),
    flags: event.readUInt16LE(17),
  };
  if (header.size !== event.length) throw new MalformedEvent(`it says ${header.size} bytes and has ${event.length}`);
  return header;
}

/** What the head of a file says of the events that follow. */
interface Format {
  readonly checksums: boolean;
  /** Bytes of a table's id, which very old servers wrote shorter. */
  readonly idSize: 4 | 6;
}

export class EventReader {
  #format: Format | undefined;

  /** `event` from its header to its end, checksum included. Slices of it live on in what is answered. */
  read(event: Buffer): Decoded {
    const header = readHeader(event);
    const end = this.#end(event, header);
    return { header, event: this.#event(header, new Bytes(event, headerSize, end)) };
  }

  /** Where the body ends; the checksum behind it is verified. */
  #end(event: Buffer, header: Header): number {
    const end = event.length - checksumSize;
    if (header.code === code.format) return event.length;
    const made = header.time === 0 || (header.flags & flag.artificial) !== 0;
    if (made && (header.code === code.rotate || this.#format === undefined)) {
      // Made up before the head of the file is known: only its own last bytes tell whether it has a checksum.
      return end > headerSize && hasChecksum(event, end) ? end : event.length;
    }
    if (this.#format?.checksums !== true) return event.length;
    if (end < headerSize || !hasChecksum(event, end)) throw new MalformedEvent('its checksum is wrong');
    return end;
  }

  #event(header: Header, body: Bytes): BinlogEvent {
    const rows = rowsCodes.get(header.code);
    if (rows !== undefined) return this.#rows(rows, body);
    switch (header.code) {
      case code.format:
        return this.#readFormat(header, body);
      case code.rotate:
        return { kind: 'rotate', position: body.u64(), file: body.rest().toString('utf8') };
      case code.query:
        return readQuery(body, false);
      case code.mariadbQueryCompressed:
        return readQuery(body, true);
      case code.xid:
        return { kind: 'xid' };
      case code.xaPrepare:
        return { kind: 'xa-prepare', onePhase: body.u8() !== 0 };
      case code.gtid:
        return readGtid(body);
      case code.taggedGtid:
        return readTaggedGtid(body);
      case code.anonymousGtid:
        return { kind: 'anonymous' };
      case code.mariadbGtid:
        return readMariadbGtid(body, header.serverId);
      case code.mariadbGtidList:
        return { kind: 'gtid-list' };
      case code.tableMap:
        return readTableMap(body, this.#format?.idSize ?? 6);
      case code.transactionPayload:
        return { kind: 'payload', events: this.#payload(body) };
      case code.heartbeat:
        return { kind: 'heartbeat', file: body.rest().toString('utf8') };
      case code.incident:
        return { kind: 'incident' };
      default:
        return skip(header);
    }
  }

  #readFormat(header: Header, body: Bytes): BinlogEvent {
    const version = body.u16();
    if (version !== 4)
      throw new MalformedEvent(`the log is of version ${version}; 4 is the one of MySQL 5.0 and later`);
    const server = body.text(50).replace(/\0.*$/s, '');
    body.u32();
    if (body.u8() !== headerSize) throw new MalformedEvent('its header is longer than this reader knows');
    const withChecksum = mayHaveChecksums(server);
    const lengths = body.take(body.left - (withChecksum ? 1 + checksumSize : 0));
    const checksums = withChecksum && body.u8() === 1;
    if (checksums && !hasChecksum(plain(body.buffer, header), body.buffer.length - checksumSize))
      throw new MalformedEvent('the checksum of the head of the file is wrong');
    this.#format = { checksums, idSize: lengths[code.tableMap - 1] === 6 ? 4 : 6 };
    return { kind: 'format', server, checksums };
  }

  #rows({ op, version, compressed, partial }: RowsCode, body: Bytes): BinlogEvent {
    const tableId = this.#format?.idSize === 4 ? body.u32() : body.u48();
    body.u16();
    if (version === 2) body.claim(body.u16() - 2); // extra data of partitions and clusters
    const columns = body.packed();
    const size = (columns + 7) >> 3;
    const first = body.take(size);
    const second = op === 'update' ? body.take(size) : first;
    const rows = compressed === true ? inflateMariadb(body.rest()) : body.rest();
    return {
      kind: 'rows',
      op,
      partial: partial === true,
      tableId,
      columns,
      before: op === 'insert' ? undefined : first,
      after: op === 'delete' ? undefined : second,
      rows,
    };
  }

  /** Events inside a payload have no checksums of their own. */
  #payload(body: Bytes): Decoded[] {
    const inner = new EventReader();
    inner.#format = { checksums: false, idSize: this.#format?.idSize ?? 6 };
    const all = new Bytes(unpackPayload(body));
    const events: Decoded[] = [];
    while (all.left > 0) {
      if (all.left < headerSize) throw new MalformedEvent('a packed transaction ends inside an event');
      events.push(inner.read(all.take(all.buffer.readUInt32LE(all.at + 9))));
    }
    return events;
  }
}

const passedOver: ReadonlySet<number> = new Set([
  code.stop,
  code.ignorable,
  code.rowsQuery,
  code.previousGtids,
  code.heartbeat2,
  code.mariadbAnnotate,
  code.mariadbCheckpoint,
  code.mariadbStartEncryption, // the server sends the events themselves decrypted
  5, // INTVAR, RAND and USER_VAR belong to the statement that follows them
  13,
  14,
]);
/** An event of a newer server may be passed over only when the server says so. */
function skip({ code: type, flags }: Header): BinlogEvent {
  if (passedOver.has(type) || (flags & flag.ignorable) !== 0) return { kind: 'skipped' };
  throw new MalformedEvent(`its type ${type} is not known, and may not be passed over`);
}

const hasChecksum = (event: Buffer, end: number): boolean => crc32(event.subarray(0, end)) === event.readUInt32LE(end);

/** The head of a file that is still being written carries a flag that its checksum does not count. */
function plain(event: Buffer, { flags }: Header): Buffer {
  if ((flags & flag.inUse) === 0) return event;
  const copy = Buffer.from(event);
  copy.writeUInt16LE(flags & ~flag.inUse, 17);
  return copy;
}

/** From MySQL 5.6.1 and MariaDB 5.3 on the head of a file says whether events have checksums. */
function mayHaveChecksums(server: string): boolean {
  const [major = 0, minor = 0, patch = 0] = (/^(\d+)\.(\d+)\.(\d+)/.exec(server) ?? []).slice(1).map(Number);
  const version = (major * 1000 + minor) * 1000 + patch;
  return version >= (/mariadb/i.test(server) ? 5_003_000 : 5_006_001);
}
