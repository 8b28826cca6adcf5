/**
 * Every stable error code of the connector contract, with what to do about it. This object is their documentation:
 * docs/errors.md is made from it. An error's own `fix` is closer to the case, and comes first.
 * A plugin may use codes of its own; they start with the plugin's id and a dot ('postgres.slot-in-use').
 */
export const codes = {
  /**
   * A configuration value is missing or has the wrong form. `path` names it.
   * Fix: Correct the option that `path` names; the connector's README lists all options.
   */
  configInvalid: 'config-invalid',
  /**
   * No installed plugin has this name. The message lists those that are.
   * Fix: Use one of the names, or install the plugin and start Sluice again.
   */
  noSuchConnector: 'no-such-connector',
  /**
   * A plugin is installed and cannot be used; the message says why, and `cause` is what its import threw.
   * Fix: Do what the message says: another version of the plugin, or what its import lacks; then start Sluice again.
   */
  pluginRefused: 'plugin-refused',
  /**
   * The host name does not resolve, or nothing listens at the port.
   * Fix: Check host and port, that the server runs, and that a firewall lets the runner through.
   */
  unreachable: 'unreachable',
  /**
   * Something else than the expected system answers at the address; the message says what.
   * Fix: Give the host and port of the system; the connector's README names the usual port.
   */
  notThisServer: 'not-this-server',
  /**
   * The operator does not allow connections to this host, or it is one that none are made to: a metadata service.
   * Fix: Check the host; an operator opens it with `SLUICE_OUTBOUND_ALLOW`.
   */
  outboundDenied: 'outbound-denied',
  /**
   * The system refused the user name, password or key.
   * Fix: Give the right user name, password or key; check that the system lets this user in from the runner's host.
   */
  authentication: 'authentication',
  /**
   * The user is known, but lacks a right. `fix` names the grant.
   * Fix: Run the grant that `fix` names, as an administrator of the system.
   */
  permission: 'permission',
  /**
   * TLS was asked for and could not be had, or the server's certificate was not accepted.
   * Fix: Choose the `ssl_mode` that the server offers, or give the certificate of the authority that signed the server's.
   */
  tls: 'tls',
  /**
   * The database, schema or bucket of the configuration does not exist.
   * Fix: Correct the name, or create it.
   */
  noSuchDatabase: 'no-such-database',
  /**
   * The system is of a version the plugin does not support.
   * Fix: Upgrade the system, or use a plugin that supports its version.
   */
  unsupportedVersion: 'unsupported-version',
  /**
   * A stream of the pipeline is not offered by the source any more.
   * Fix: Discover the streams again; take it out of the selection, or bring it back in the source (its name, or the right to see it).
   */
  noSuchStream: 'no-such-stream',
  /**
   * The plugin does not do what was asked, and says so in `can`.
   * Fix: Choose a mode, encoding or option that the connector has: `GET /api/v1/connectors` lists them.
   */
  unsupported: 'unsupported',
  /**
   * The connection was lost, or the system is starting or stopping.
   * Fix: None: the run is tried again. If it goes on, look at the system's own log and at what lies between.
   */
  connectionLost: 'connection-lost',
  /**
   * The system asks to slow down.
   * Fix: None: the run is tried again. If it goes on, ask less often, or raise the quota.
   */
  throttled: 'throttled',
  /**
   * The system chose this transaction as a deadlock's victim, or a lock was not to be had in time.
   * Fix: None: the run is tried again. If it goes on, run it when no other job holds locks on the table.
   */
  lockConflict: 'lock-conflict',
  /**
   * A value does not fit the target column; `stream` names the stream.
   * Fix: Correct the value in the source, leave the column out, or widen the target column.
   */
  valueRejected: 'value-rejected',
  /**
   * The target table exists in a shape that cannot take the stream, and may not be changed in that way.
   * Fix: Change or drop the target table, or give the stream another `targetTable`.
   */
  targetMismatch: 'target-mismatch',
  /**
   * Rows read and rows written differ: the load was not committed.
   * Fix: Run it again; if it happens again, report it as a bug of the connector, with the run's log.
   */
  rowsLost: 'rows-lost',
  /**
   * The position to resume from is no longer there.
   * Fix: Start a new full load; keep the source's log for longer than the longest pause between runs.
   */
  lostPosition: 'lost-position',
  /**
   * Another runner has taken the lane.
   * Fix: None: the other runner goes on with it.
   */
  fenced: 'fenced',
} as const;
export type Code = (typeof codes)[keyof typeof codes];
