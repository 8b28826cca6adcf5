/** What the catalog asks of installed plugins, whoever found and loaded them. */
import type { ReadMode } from '@sluice/connector-sdk';
import { invalid, type ConnectorView, type EndpointView, type JsonObject } from '@sluice/messages';

export type Role = EndpointView['role'];
/** A plugin under the name that a user gave: its id or one of its variants. */
export interface Connector {
  readonly type: string;
  /** What a source can do; empty for a destination. */
  readonly modes: readonly ReadMode[];
  readonly schema: JsonObject;
  /** Throws a ConfigError that names every problem; secrets included in `config`. */
  validate(config: JsonObject): Promise<void>;
  /** Takes what the schema marks `writeOnly` out of `config`. */
  split(config: JsonObject): { readonly config: JsonObject; readonly secrets: JsonObject };
  join(config: JsonObject, secrets: JsonObject): JsonObject;
}
export interface Connectors {
  list(): Promise<readonly ConnectorView[]>;
  /** Plugins that cannot be used, each in a sentence with its reason. */
  refused(): Promise<readonly string[]>;
  /** Throws 'unknown-connector', naming those that are installed. */
  find(role: Role, type: string): Promise<Connector>;
}

export function unknownConnector(
  role: Role,
  type: string,
  installed: readonly ConnectorView[],
  refused: readonly string[] = [],
): Error {
  const names = installed
    .filter((view) => view.role === role)
    .flatMap(typesOf)
    .sort();
  return invalid('unknown-connector', [`no ${role} connector "${type}" is installed`, ...refused].join('; '), {
    fix: names.length > 0 ? `use one of: ${names.join(', ')}` : `install a ${role} plugin`,
    details: { installed: names },
  });
}
/** A plugin with variants is named by any of them or by its own id. */
const typesOf = ({ type, variants }: ConnectorView): string[] => [
  ...new Set([type, ...variants.map((variant) => variant.type)]),
];
