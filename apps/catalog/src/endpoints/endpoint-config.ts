/** From what a user sent to what is stored: a checked configuration, and its secrets apart. */
import { isSluiceError } from '@sluice/connector-sdk';
import { invalid, type JsonObject } from '@sluice/messages';
import type { Connector } from '../connectors/connectors.js';
import { mergeSecrets, movedAddresses } from '../connectors/secret-merge.js';

export interface StoredConfig {
  readonly config: JsonObject;
  readonly secrets: JsonObject;
}

/** `before`: what is stored now, when a configuration is replaced. Throws 'invalid', saying which option and what to do. */
export async function acceptConfig(
  connector: Connector,
  sent: JsonObject,
  before?: StoredConfig,
): Promise<StoredConfig> {
  refuseUnknownOptions(connector, sent);
  const split = connector.split(sent);
  const merged = mergeSecrets(split.secrets, before?.secrets ?? {});
  if (merged.unknownMasks.length > 0)
    throw invalid('secret-required', `${list(merged.unknownMasks)} is a mask, and no value is stored for it`, {
      fix: `send the value of ${list(merged.unknownMasks)}`,
      details: { paths: merged.unknownMasks },
    });
  if (before && merged.kept.length > 0)
    refuseToLeakSecrets(filled(connector, before.config), filled(connector, split.config), merged.kept);
  await validate(connector, connector.join(split.config, merged.secrets));
  return { config: split.config, secrets: merged.secrets };
}

/** With the schema's defaults: one that is spelt out changes nothing. */
function filled({ schema }: Connector, config: JsonObject): JsonObject {
  const { properties } = schema;
  if (typeof properties !== 'object' || properties === null) return config;
  const defaults = Object.entries(properties).flatMap(([name, property]) =>
    typeof property === 'object' && property !== null && 'default' in property ? [[name, property['default']]] : [],
  );
  return { ...(Object.fromEntries(defaults) as JsonObject), ...config };
}

/** A stored password must not follow a changed address to somebody else's server. */
function refuseToLeakSecrets(before: JsonObject, after: JsonObject, kept: readonly string[]): void {
  const moved = movedAddresses(before, after);
  if (moved.length === 0) return;
  throw invalid('secret-required', `${list(moved)} changed, so ${list(kept)} must be sent again`, {
    fix: `send ${list(kept)} together with the new ${list(moved)}`,
    details: { paths: kept },
  });
}

async function validate(connector: Connector, config: JsonObject): Promise<void> {
  try {
    await connector.validate(config);
  } catch (error) {
    if (!isSluiceError(error, 'config')) throw error;
    const path = error.path.join('.');
    const message = path === '' || error.message.includes(path) ? error.message : `${path}: ${error.message}`;
    throw invalid(error.code, message, {
      cause: error,
      ...(error.fix !== undefined && { fix: error.fix }),
      details: { path: error.path },
    });
  }
}

/** A misspelt option would be stored in clear text, even one that was meant to be a password, and never used. */
function refuseUnknownOptions({ type, schema }: Connector, sent: JsonObject): void {
  const { properties, additionalProperties } = schema;
  const composed = ['anyOf', 'oneOf', 'allOf', '$ref'].some((word) => word in schema);
  if (composed || typeof properties !== 'object' || properties === null) return;
  if (additionalProperties !== undefined && additionalProperties !== false) return;
  const unknown = Object.keys(sent).filter((name) => !Object.hasOwn(properties, name));
  if (unknown.length === 0) return;
  throw invalid('config-invalid', `${list(unknown)} is not an option of the ${type} connector`, {
    fix: `its options are: ${Object.keys(properties).join(', ')}`,
    details: { path: [unknown[0] ?? ''] },
  });
}

const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
