import { code, table } from './markdown.js';

type Schema = Readonly<Record<string, unknown>>;
interface Property {
  readonly name: string;
  readonly schema: Schema;
  readonly required: boolean;
}

/** A connector's options as a table, from its JSON schema; those of nested objects as 'tunnel.host'. */
export function configTable(root: Schema): string {
  const rows = properties(root, root).map(({ name, schema, required }) => [
    code(name),
    typeOf(schema),
    required ? 'yes' : 'no',
    'default' in schema && schema['default'] !== '' ? code(JSON.stringify(schema['default'])) : '',
    typeof schema['description'] === 'string' ? schema['description'] : '',
  ]);
  return rows.length === 0 ? 'No options.' : table(['option', 'type', 'required', 'default', 'description'], rows);
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

function properties(root: Schema, schema: Schema, prefix = '', above: readonly Schema[] = []): Property[] {
  const own = resolved(root, schema);
  if (above.includes(own)) return [];
  const inner = [...above, own];
  const required = list(own['required']);
  const direct = Object.entries(isSchema(own['properties']) ? own['properties'] : {}).flatMap(([name, value]) => {
    if (!isSchema(value)) return [];
    const property = { ...resolved(root, value), ...value };
    const nested = properties(root, value, `${prefix}${name}.`, inner);
    return [{ name: prefix + name, schema: property, required: required.includes(name) }, ...nested];
  });
  const alternatives = ['allOf', 'anyOf', 'oneOf'].flatMap((word) => list(own[word])).filter(isSchema);
  const all = [...direct, ...alternatives.flatMap((alternative) => properties(root, alternative, prefix, inner))];
  return all.filter(({ name }, i) => all.findIndex((other) => other.name === name) === i);
}

function resolved(root: Schema, schema: Schema): Schema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return schema;
  const target = reference
    .slice(2)
    .split('/')
    .reduce<unknown>((at, part) => (isSchema(at) ? at[part] : undefined), root);
  return isSchema(target) ? target : schema;
}

/** 'integer, 1 to 65535', 'one of `a`, `b`', 'string, secret'. */
function typeOf(schema: Schema): string {
  const secret = schema['writeOnly'] === true ? ', secret' : '';
  if (Array.isArray(schema['enum']))
    return `one of ${schema['enum'].map((value) => code(String(value))).join(', ')}${secret}`;
  if ('const' in schema) return code(String(schema['const']));
  const items = schema['items'];
  if (schema['type'] === 'array') return `list of ${isSchema(items) ? typeOf(items) : 'anything'}${secret}`;
  const format = typeof schema['format'] === 'string' ? ` (${schema['format']})` : '';
  const type = typeof schema['type'] === 'string' ? schema['type'] : 'one of several';
  return `${type}${format}${range(schema)}${secret}`;
}

function range({ minimum, maximum }: Schema): string {
  const safe = (bound: unknown): bound is number =>
    typeof bound === 'number' && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  if (safe(minimum) && safe(maximum)) return `, ${minimum} to ${maximum}`;
  if (safe(minimum)) return `, at least ${minimum}`;
  return safe(maximum) ? `, at most ${maximum}` : '';
}
