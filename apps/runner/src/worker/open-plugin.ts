/** From what a run names to open sessions: registry, configuration, context. */
import type {
  Context,
  DestinationPlugin,
  DestinationSession,
  SourcePlugin,
  SourceSession,
} from '@sluice/connector-sdk';
import { joinSecrets, type openRegistry, validateConfig } from '@sluice/plugin-host';
import type { OpenOrder, Role } from './protocol.js';

export type Registry = ReturnType<typeof openRegistry>;
/** What every plugin is lent, whatever it is opened for. */
export interface Host extends Pick<Context, 'dial'> {
  readonly registry: Registry;
}
export interface Ready<Session> {
  open(signal: AbortSignal): Promise<Session>;
}
type ReadySource = Ready<SourceSession> & { readonly can: SourcePlugin['can'] };
type ReadyDestination = Ready<DestinationSession> & { readonly can: DestinationPlugin['can'] };
type Log = Context['log'];

/** Loads the plugin and checks the configuration. Throws ConfigError. */
export async function readySource(host: Host, { type, ...given }: OpenOrder, log: Log): Promise<ReadySource> {
  const { plugin, variant } = await host.registry.source(type);
  const config = await validateConfig(plugin, joinSecrets(given.config, given.secrets));
  return { can: plugin.can, open: (signal) => plugin.open(config, contextOf(host, signal, log, variant)) };
}
export async function readyDestination(host: Host, { type, ...given }: OpenOrder, log: Log): Promise<ReadyDestination> {
  const { plugin, variant } = await host.registry.destination(type);
  const config = await validateConfig(plugin, joinSecrets(given.config, given.secrets));
  return { can: plugin.can, open: (signal) => plugin.open(config, contextOf(host, signal, log, variant)) };
}
export const readyEither = (
  host: Host,
  role: Role,
  order: OpenOrder,
  log: Log,
): Promise<Ready<SourceSession | DestinationSession>> =>
  role === 'source' ? readySource(host, order, log) : readyDestination(host, order, log);

const contextOf = ({ dial }: Host, signal: AbortSignal, log: Log, variant: string | undefined): Context => ({
  signal,
  log,
  dial,
  ...(variant !== undefined && { variant }),
});
