/** From what a run names to open sessions: registry, configuration, context. */
import type {
  Context,
  DestinationPlugin,
  DestinationSession,
  SourcePlugin,
  SourceSession,
} from '@sluice/connector-sdk';
import { joinSecrets, type openRegistry, validateConfig } from '@sluice/plugin-host';
import { atEnd, sessionOfEnd, type End } from './ends.js';
import type { OpenOrder, Role } from './protocol.js';

export type Registry = ReturnType<typeof openRegistry>;
export interface Ready<Session> {
  open(signal: AbortSignal): Promise<Session>;
}
type ReadySource = Ready<SourceSession> & { readonly can: SourcePlugin['can'] };
type ReadyDestination = Ready<DestinationSession> & { readonly can: DestinationPlugin['can'] };
type Log = Context['log'];

/** Loads the plugin and checks the configuration. Throws ConfigError. Whatever it throws, now or later, says its end. */
export function readySource(registry: Registry, order: OpenOrder, log: Log): Promise<ReadySource> {
  const end: End = { role: 'source', name: order.name };
  return atEnd(end, async () => {
    const { plugin, variant } = await registry.source(order.type);
    const config = await validateConfig(plugin, joinSecrets(order.config, order.secrets));
    const open = (signal: AbortSignal) => plugin.open(config, contextOf(signal, log, variant));
    return { can: plugin.can, open: opening(open, end) };
  });
}
export function readyDestination(registry: Registry, order: OpenOrder, log: Log): Promise<ReadyDestination> {
  const end: End = { role: 'destination', name: order.name };
  return atEnd(end, async () => {
    const { plugin, variant } = await registry.destination(order.type);
    const config = await validateConfig(plugin, joinSecrets(order.config, order.secrets));
    const open = (signal: AbortSignal) => plugin.open(config, contextOf(signal, log, variant));
    return { can: plugin.can, open: opening(open, end) };
  });
}
const opening =
  <S extends object>(open: (signal: AbortSignal) => Promise<S>, end: End) =>
  async (signal: AbortSignal): Promise<S> =>
    sessionOfEnd(await atEnd(end, () => open(signal)), end);
export const readyEither = (
  registry: Registry,
  role: Role,
  order: OpenOrder,
  log: Log,
): Promise<Ready<SourceSession | DestinationSession>> =>
  role === 'source' ? readySource(registry, order, log) : readyDestination(registry, order, log);

const contextOf = (signal: AbortSignal, log: Log, variant: string | undefined): Context =>
  variant === undefined ? { signal, log } : { signal, log, variant };
