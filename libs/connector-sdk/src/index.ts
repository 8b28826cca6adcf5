export * from './contract.js';
export { codes, type Code } from './codes.js';
export {
  ConfigError,
  DataError,
  FencedError,
  LostPositionError,
  SluiceError,
  TransientError,
  isSluiceError,
  type ErrorClass,
} from './errors.js';
export { parsePath, streamId } from './path.js';
export { suggestCursor } from './suggest-cursor.js';
export {
  tlsAsChosen,
  tlsChecks,
  tlsFindings,
  tlsModeOf,
  tlsModes,
  tlsOptions,
  type TlsConfig,
  type TlsMode,
} from './tls.js';
