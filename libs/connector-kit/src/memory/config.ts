/** A schema of flat texts, without a schema library: enough for the kit's own plugins. */
import type { ConfigSchema } from '@sluice/connector-sdk';

export interface MemoryConfig {
  readonly host: string;
  readonly password: string;
}
const fields: Readonly<Record<keyof MemoryConfig, { title: string; description: string; writeOnly?: true }>> = {
  host: { title: 'Host', description: 'Name of the system; anything but "nowhere" will do.' },
  password: { title: 'Password', description: 'The password of your user.', writeOnly: true },
};

export const memoryConfig: ConfigSchema<MemoryConfig> = {
  '~standard': {
    version: 1,
    vendor: 'sluice',
    validate: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return { issues: [{ message: 'must be an object' }] };
      const given = new Map(Object.entries(value));
      const issues = Object.keys(fields)
        .filter((name) => typeof given.get(name) !== 'string')
        .map((name) => ({ message: 'must be a text', path: [name] }));
      if (issues.length > 0) return { issues };
      return { value: { host: String(given.get('host')), password: String(given.get('password')) } };
    },
    jsonSchema: { input: jsonSchema, output: jsonSchema },
  },
};

function jsonSchema(): Record<string, unknown> {
  const properties = Object.entries(fields).map(([name, field]) => [name, { type: 'string', ...field }]);
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    required: Object.keys(fields),
    additionalProperties: false,
  };
}
