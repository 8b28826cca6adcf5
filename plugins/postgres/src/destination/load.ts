/** Data into a stage by COPY. A raw body is one COPY; batches of rows share one until something else comes. */
import {
  ConfigError,
  DataError,
  type Encoding,
  type RawData,
  type Row,
  type Value,
  type Written,
  codes,
} from '@sluice/connector-sdk';
import { type Encoder, copyBinary, escapeField, fieldWriter, textEncoder } from '@sluice/encodings';
import type { Client } from 'pg';
import { CopyIn } from '../copy-in.js';
import { mapped } from '../errors.js';
import { quote } from '../names.js';
import { arrayLiteral } from './array-literal.js';
import { takesCanonical } from '../types.js';
import type { Prepared, PreparedColumn } from './prepare.js';

const options: Readonly<Record<string, string>> = {
  'copy-binary/1': 'FORMAT binary',
  'copy-text/1': 'FORMAT text',
  'csv/1': "FORMAT csv, NULL 'NULL'",
};

interface Rows {
  readonly prepared: Prepared;
  readonly copy: CopyIn;
  readonly encoder: Encoder;
  count: number;
}

export class Loader {
  readonly #client: Client;
  #rows: Rows | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Loads a body. When it throws, the COPY is given up and the error goes on. */
  async raw(prepared: Prepared, data: RawData): Promise<Written> {
    await this.finish();
    const format = options[data.encoding];
    if (format === undefined) {
      throw new ConfigError(`The PostgreSQL destination does not take the encoding ${data.encoding}.`, {
        code: codes.unsupported,
      });
    }
    const copy = await this.#copy(prepared, format);
    let bytes = 0;
    try {
      for await (const chunk of data.body) {
        bytes += chunk.length;
        await copy.write(chunk);
      }
    } catch (error) {
      await copy.fail();
      throw error;
    }
    const rows = await copy.end();
    if (rows !== data.rows()) throw rowsLost(prepared, data.rows(), rows); // Invariant 6
    return { rows, bytes };
  }

  async rows(prepared: Prepared, rows: readonly Row[]): Promise<Written> {
    if (this.#rows?.prepared !== prepared) {
      await this.finish();
      const { encoding, encoder } = encoderFor(prepared);
      const copy = await this.#copy(prepared, options[encoding]!);
      this.#rows = { prepared, copy, encoder, count: 0 };
      await copy.write(encoder.begin());
    }
    const bytes = this.#rows.encoder.rows(rows);
    await this.#rows.copy.write(bytes);
    this.#rows.count += rows.length;
    return { rows: rows.length, bytes: bytes.length };
  }

  /** Loads text that is all there, by the COPY statement `sql`. Answers bytes. */
  async text(sql: string, bytes: Uint8Array, rows: number, prepared: Prepared): Promise<number> {
    await this.finish();
    const copy = await this.#start(sql);
    await copy.write(bytes);
    const loaded = await copy.end();
    if (loaded !== rows) throw rowsLost(prepared, rows, loaded); // Invariant 6
    return bytes.length;
  }

  /** Ends the COPY that batches of rows share, if there is one. Its errors name its own stream, whoever called. */
  async finish(): Promise<void> {
    const rows = this.#rows;
    if (!rows) return;
    this.#rows = undefined;
    const { stream } = rows.prepared;
    await mapped(
      async () => {
        await rows.copy.write(rows.encoder.end());
        const loaded = await rows.copy.end();
        if (loaded !== rows.count) throw rowsLost(rows.prepared, rows.count, loaded); // Invariant 6
      },
      { stream: stream.id, columns: stream.columns.map(({ name }) => name) },
    );
  }

  /** Gives that COPY up. Never throws. */
  async abandon(): Promise<void> {
    const rows = this.#rows;
    this.#rows = undefined;
    await rows?.copy.fail();
  }

  async #copy({ stage, columns }: Prepared, format: string): Promise<CopyIn> {
    const names = columns.map(({ column }) => quote(column.name)).join(', ');
    return await this.#start(`COPY ${stage} (${names}) FROM STDIN (${format})`);
  }

  async #start(sql: string): Promise<CopyIn> {
    const copy = new CopyIn(sql);
    this.#client.query(copy);
    await copy.start();
    return copy;
  }
}

/** Binary where every column takes the canonical form of its logical type: the server reads it in half the time. */
function encoderFor({ columns }: Prepared): { encoding: Encoding; encoder: Encoder } {
  const canonical = columns.every(({ column, type }) => takesCanonical(type, column.type));
  return canonical
    ? { encoding: 'copy-binary/1', encoder: copyBinary.encoder(columns.map(({ column }) => column)) }
    : { encoding: 'copy-text/1', encoder: textEncoder(columns.map(writer)) };
}

/** The text of one column's values, as its stage takes them. */
export function writer({ column, type }: PreparedColumn): (value: NonNullable<Value>) => string {
  if (!type.array) return fieldWriter(column);
  return (value) => escapeField(arrayLiteral(String(value), type.builtin.type === 'json'));
}

const rowsLost = ({ stream }: Prepared, read: number, written: number): DataError =>
  new DataError(`${stream.id}: ${read} rows were read and ${written} arrived.`, {
    stream: stream.id,
    code: codes.rowsLost,
  });
