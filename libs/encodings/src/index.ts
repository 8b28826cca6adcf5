export type { Codec, Decoder, Encoder } from './codec.js';
export { csv1 } from './csv-1.js';
