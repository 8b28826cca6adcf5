import type { ConfigSchema, SourcePlugin } from '@sluice/connector-sdk';
import type { memorySource } from '../../src/index.js';
import type { SourceMutation } from './mutation.js';

type Schema = Record<string, unknown> & { properties: Record<string, Record<string, unknown>> };
type Healthy = ReturnType<typeof memorySource>;

/** The plugin with its JSON schema changed, and its validation as it was. */
const schema =
  (change: (schema: Schema) => void) =>
  ({ plugin }: Healthy): SourcePlugin => ({ ...plugin, config: changed(plugin.config, change) });
function changed(config: ConfigSchema<unknown>, change: (schema: Schema) => void): ConfigSchema<unknown> {
  const input = () => {
    const made = config['~standard'].jsonSchema.input({ target: 'draft-2020-12' }) as Schema;
    change(made);
    return made;
  };
  return { '~standard': { ...config['~standard'], jsonSchema: { input, output: input } } };
}
const property = (name: string, value: Record<string, unknown>) =>
  schema(({ properties }) => (properties[name] = { title: 'T', description: 'D.', type: 'string', ...value }));

/** The plugin whose validation takes more than it should. */
const lenient =
  (takes: (value: unknown) => boolean) =>
  ({ plugin, options }: Healthy): SourcePlugin => {
    const standard = plugin.config['~standard'];
    const validate: typeof standard.validate = (value) =>
      takes(value) ? { value: options.config as never } : standard.validate(value);
    return { ...plugin, config: { '~standard': { ...standard, validate } } };
  };

const dialling = (plugin: SourcePlugin): SourcePlugin => ({
  ...plugin,
  open: async (config, context) => {
    await context.dial({ host: '127.0.0.1', port: 1 }).catch(() => undefined);
    return plugin.open(config, context);
  },
});

export const specMutations: readonly SourceMutation[] = [
  { breaks: 'an id of lower case', fails: ['spec/shape'], plugin: ({ plugin }) => ({ ...plugin, id: 'Memory' }) },
  {
    breaks: 'variants with a title',
    fails: ['spec/shape'],
    plugin: ({ plugin }) => ({ ...plugin, variants: { fork: { title: '', description: 'A fork.' } } }),
  },
  {
    breaks: 'claims the contract knows',
    fails: ['spec/claims'],
    plugin: ({ plugin }) => ({ ...plugin, can: { ...plugin.can, split: 'yes' as never } }),
  },
  {
    breaks: 'a configuration that is an object',
    fails: ['spec/schema'],
    plugin: schema((made) => (made['type'] = 'array')),
  },
  { breaks: 'titles', fails: ['spec/titles'], plugin: property('host', { title: '' }) },
  {
    breaks: 'descriptions',
    fails: ['spec/descriptions'],
    plugin: schema(({ properties }) => delete properties['host']?.['description']),
  },
  {
    breaks: 'the period at the end',
    fails: ['spec/descriptions'],
    plugin: property('host', { description: 'Name of the host' }),
  },
  {
    breaks: 'defaults of booleans',
    fails: ['spec/boolean-defaults'],
    plugin: property('verbose', { type: 'boolean' }),
  },
  { breaks: 'secrets marked', fails: ['spec/secrets'], plugin: property('apiToken', {}) },
  { breaks: 'one name per option', fails: ['spec/canonical-names'], plugin: property('hostname', {}) },
  {
    breaks: 'required keys',
    fails: ['check/required'],
    plugin: lenient(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value) && !('host' in value),
    ),
  },
  {
    breaks: 'the one way out: connects by itself',
    fails: ['check/dial'],
    plugin: property('port', { type: 'integer' }),
  },
  {
    breaks: "the one way out: goes on after the host's refusal",
    fails: ['check/dial'],
    plugin: (healthy) => dialling(property('port', { type: 'integer' })(healthy)),
  },
  { breaks: 'a schema that refuses strangers', fails: ['check/strangers'], plugin: lenient((value) => value === null) },
];
