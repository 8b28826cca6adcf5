export type { Codec, Decoder, Encoder } from './codec.js';
export { copyBinary } from './copy-binary.js';
export { copyText, textEncoder } from './copy-text.js';
export { escapeField, fieldWriter } from './copy-text-fields.js';
