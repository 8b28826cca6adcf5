export type { Codec, Decoder, Encoder } from './codec.js';
export { copyBinary } from './copy-binary.js';
export { fieldReader } from './copy-binary-decode.js';
export { copyText, textEncoder } from './copy-text.js';
export { escapeField, fieldWriter } from './copy-text-fields.js';
export { csv1 } from './csv-1.js';
