export * from './events.js';
export * from './model.js';
export * from './rpc.js';
export { newKeyPair, seal, type KeyPair, type Sealed } from './sealed.js';
export * from './wire.js';
