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
export interface Ready<Session> {
  open(signal: AbortSignal): Promise<Session>;
}
type ReadySource = Ready<SourceSession> & { readonly can: SourcePlugin['can'] };
type ReadyDestination = Ready<DestinationSession> & { readonly can: DestinationPlugin['can'] };
type Log = Context['log'];

/** Loads the plugin and checks the configuration. Throws ConfigError. */
export async function readySource(registry: Registry, { type, ...given }: OpenOrder, log: Log): Promise<ReadySource> {
  const { plugin, variant } = await registry.source(type);
  const config = await validateConfig(plugin, joinSecrets(given.config, given.secrets));
  return { can: plugin.can, open: (signal) => plugin.open(config, contextOf(signal, log, variant)) };
}
export async function readyDestination(
  registry: Registry,
  { type, ...given }: OpenOrder,
  log: Log,
): Promise<ReadyDestination> {
  const { plugin, variant } = await registry.destination(type);
  const config = await validateConfig(plugin, joinSecrets(given.config, given.secrets));
  return { can: plugin.can, open: (signal) => plugin.open(config, contextOf(signal, log, variant)) };
}
export const readyEither = (
  registry: Registry,
  role: Role,
  order: OpenOrder,
  log: Log,
): Promise<Ready<SourceSession | DestinationSession>> =>
  role === 'source' ? readySource(registry, order, log) : readyDestination(registry, order, log);

const contextOf = (signal: AbortSignal, log: Log, variant: string | undefined): Context =>
  variant === undefined ? { signal, log } : { signal, log, variant };
