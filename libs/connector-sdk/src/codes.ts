/**
 * Every stable error code of the connector contract. This object is their documentation: docs/errors.md is made from it.
 * A plugin may use codes of its own; they start with the plugin's id and a dot ('postgres.slot-in-use').
 */
export const codes = {
  /** A configuration value is missing or has the wrong form. `path` names it. */
  configInvalid: 'config-invalid',
  /** No installed plugin has this name. The message lists those that are. */
  noSuchConnector: 'no-such-connector',
  /** A plugin is installed and cannot be used; the message says why, and `cause` is what its import threw. */
  pluginRefused: 'plugin-refused',
  /** The host name does not resolve, or nothing listens at the port. */
  unreachable: 'unreachable',
  /** Something else than the expected system answers at the address; the message says what. */
  notThisServer: 'not-this-server',
  /** The system refused the user name, password or key. */
  authentication: 'authentication',
  /** The user is known, but lacks a right. `fix` names the grant. */
  permission: 'permission',
  /** TLS was asked for and could not be had, or the server's certificate was not accepted. */
  tls: 'tls',
  /** The database, schema or bucket of the configuration does not exist. */
  noSuchDatabase: 'no-such-database',
  /** The system is of a version the plugin does not support. */
  unsupportedVersion: 'unsupported-version',
  /** A stream of the pipeline is not offered by the source any more. */
  noSuchStream: 'no-such-stream',
  /** The plugin does not do what was asked, and says so in `can`. */
  unsupported: 'unsupported',
  /** The connection was lost, or the system is starting or stopping. */
  connectionLost: 'connection-lost',
  /** The system asks to slow down. */
  throttled: 'throttled',
  /** The system chose this transaction as a deadlock's victim, or a lock was not to be had in time. */
  lockConflict: 'lock-conflict',
  /** A value does not fit the target column; `stream` names the stream. */
  valueRejected: 'value-rejected',
  /** The target table exists in a shape that cannot take the stream, and may not be changed in that way. */
  targetMismatch: 'target-mismatch',
  /** Rows read and rows written differ: the load was not committed. */
  rowsLost: 'rows-lost',
  /** The position to resume from is no longer there. */
  lostPosition: 'lost-position',
  /** Another runner has taken the lane. */
  fenced: 'fenced',
} as const;
export type Code = (typeof codes)[keyof typeof codes];
