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

/** Loads the plugin and checks the configuration. Throws ConfigError. Whatever it throws, now or later, says its end. */
export function readySource(host: Host, order: OpenOrder, log: Log): Promise<ReadySource> {
  const end: End = { role: 'source', name: order.name };
  return atEnd(end, async () => {
    const { plugin, variant } = await host.registry.source(order.type);
    const config = await validateConfig(plugin, joinSecrets(order.config, order.secrets));
    const open = (signal: AbortSignal) => plugin.open(config, contextOf(host, signal, log, variant));
    return { can: plugin.can, open: opening(open, end) };
  });
}
export function readyDestination(host: Host, order: OpenOrder, log: Log): Promise<ReadyDestination> {
  const end: End = { role: 'destination', name: order.name };
  return atEnd(end, async () => {
    const { plugin, variant } = await host.registry.destination(order.type);
    const config = await validateConfig(plugin, joinSecrets(order.config, order.secrets));
    const open = (signal: AbortSignal) => plugin.open(config, contextOf(host, signal, log, variant));
    return { can: plugin.can, open: opening(open, end) };
  });
}
const opening =
  <S extends object>(open: (signal: AbortSignal) => Promise<S>, end: End) =>
  async (signal: AbortSignal): Promise<S> =>
    sessionOfEnd(await atEnd(end, () => open(signal)), end);
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
