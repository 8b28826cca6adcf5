import type { Codec } from './codec.js';
import { csvDecoder } from './csv-decode.js';
import { csvEncoder } from './csv-encode.js';

/** csv/1 as docs/encodings/csv-1.md fixes it. */
export const csv1: Codec = { encoding: 'csv/1', encoder: csvEncoder, decoder: csvDecoder };
