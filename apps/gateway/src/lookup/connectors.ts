/** Refuses a connector type that no installed plugin serves, before anything is made. */
import { invalid, type ConnectorView, type EndpointView } from '@sluice/messages';
import type { Bus } from '../bus.js';

/** The names a connection may be made for: plugins and their variants, sorted. */
export const typesOf = (connectors: readonly ConnectorView[], role: EndpointView['role']): string[] => {
  const mine = connectors.filter((one) => one.role === role);
  return [...new Set(mine.flatMap(({ type, variants }) => [type, ...variants.map((one) => one.type)]))].sort();
};

/** `promised`: types that are known by name though their plugin may be missing. Throws ServiceError 'invalid'. */
export async function requireInstalled(
  bus: Bus,
  role: EndpointView['role'],
  type: string,
  promised: readonly string[] = [],
): Promise<void> {
  const installed = typesOf(await bus.call('catalog.connectors.list', {}), role);
  if (installed.includes(type)) return;
  const refused = await bus.call('catalog.connectors.refused', {});
  const names = installed.length > 0 ? `installed are ${installed.join(', ')}` : 'none is installed';
  const list = [names, ...refused.map((sentence) => (sentence.split('\n')[0] ?? '').slice(0, 300))].join('; ');
  const quoted = JSON.stringify(type.slice(0, 64));
  throw promised.includes(type)
    ? invalid('connector-not-installed', `Connector type ${quoted} has no ${role} plugin installed yet; ${list}`)
    : invalid('no-such-connector', `Connector type ${quoted} is not known as a ${role}; ${list}`);
}
