/** Takes one batch to the destination and proves that it arrived whole. */
import { DataError, codes, type Data, type DestinationSession, type RawData } from '@sluice/connector-sdk';
import { chunks } from './chunks.js';
import { countRaw } from './count-raw.js';
import type { LaneMeter } from './lane-meter.js';

export interface Sink {
  readonly destination: DestinationSession;
  readonly meter: LaneMeter;
  /** Most bytes of rows or changes in one `write`. */
  readonly chunkBytes: number;
  /** Called whenever counts have moved. */
  moved(): void;
}

/** Throws DataError 'rows-lost' when rows read and rows written differ. (Invariant 6) */
export async function writeBatch(sink: Sink, data: Data, stream: string): Promise<void> {
  if (data.kind === 'raw') return writeRaw(sink, data);
  for (const piece of chunks(data, sink.chunkBytes)) {
    const { rows, bytes } = await sink.destination.write(piece);
    const read = piece.kind === 'rows' ? piece.rows.length : piece.changes.length;
    account(stream, read, rows);
    sink.meter.stage(read, bytes);
    sink.moved();
  }
}

async function writeRaw({ destination, meter, moved }: Sink, raw: RawData): Promise<void> {
  const counted = countRaw(raw, (bytes) => {
    meter.stage(0, bytes);
    moved();
  });
  const { rows } = await destination.write(counted.data);
  if (!counted.ended()) {
    throw new DataError(`the destination left a part of ${raw.stream} unread`, {
      stream: raw.stream,
      code: codes.rowsLost,
    });
  }
  const read = raw.rows();
  account(raw.stream, read, rows);
  meter.stage(read, 0);
  moved();
}

function account(stream: string, read: number, written: number): void {
  if (read === written) return;
  throw new DataError(`${read} rows of ${stream} were read and ${written} written; the batch was not committed`, {
    stream,
    code: codes.rowsLost,
  });
}
