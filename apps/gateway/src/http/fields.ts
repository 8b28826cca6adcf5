/**
 * The fields of request bodies: each decorator validates (class-validator), words the problem with the field's own label, and
 * documents (Swagger). An absent or null optional field is not checked.
 */
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { registerDecorator, type ValidationArguments } from 'class-validator';

export interface Spec {
  /** Starts every message: 'Source name'. */
  readonly label: string;
  readonly description: string;
  readonly required?: boolean;
  readonly nullable?: boolean;
  readonly example?: unknown;
  readonly default?: unknown;
}
/** What is wrong with a value, or undefined: 'must be a string'. */
type Check = (value: unknown) => string | undefined;
type Schema = { type?: string; items?: { type: string }; enum?: readonly string[] } & Record<string, unknown>;

function field(spec: Spec, schema: Schema, check: Check): PropertyDecorator {
  const problem = (value: unknown): string | undefined => {
    if (value === undefined || value === null) return spec.required ? `${spec.label} is required` : undefined;
    const wrong = check(value);
    return wrong === undefined ? undefined : `${spec.label} ${wrong}`;
  };
  const { description, required = false, nullable, example, default: fallback } = spec;
  const document = {
    description,
    required,
    ...schema,
    ...(nullable && { nullable }),
    ...(example !== undefined && { example }),
    ...(fallback !== undefined && { default: fallback }),
  } as ApiPropertyOptions;
  return (target, property) => {
    ApiProperty(document)(target, property);
    registerDecorator({
      name: 'field',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (value: unknown) => problem(value) === undefined,
        defaultMessage: (args?: ValidationArguments) => problem(args?.value) ?? `${spec.label} is wrong`,
      },
    });
  };
}

interface TextSpec extends Spec {
  /** Characters; 255 when absent. */
  readonly max?: number;
  /** Line breaks and tabs are fine. */
  readonly multiline?: boolean;
  /** It may be absent, but not blank. A required one never is. */
  readonly filled?: boolean;
}
export const Text = (spec: TextSpec): PropertyDecorator =>
  field(spec, { type: 'string', maxLength: spec.max ?? 255 }, (value) => wrongText(value, spec));

function wrongText(
  value: unknown,
  { max = 255, multiline = false, required = false, filled = required }: Omit<TextSpec, 'label' | 'description'>,
): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  if (filled && value.trim() === '') return 'is required';
  if (value.length > max) return `must not be longer than ${max} characters`;
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if ((multiline ? /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/ : /[\0-\x1f\x7f]/).test(value))
    return 'must not have control characters';
  return undefined;
}

export const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
export const Uuid = (spec: Spec): PropertyDecorator =>
  field(spec, { type: 'string', format: 'uuid' }, (value) =>
    typeof value === 'string' && uuid.test(value) ? undefined : 'must be a UUID',
  );

export const Choice = (spec: Spec & { readonly of: readonly string[] }): PropertyDecorator =>
  field(spec, { type: 'string', enum: [...spec.of] }, (value) =>
    typeof value === 'string' && spec.of.includes(value) ? undefined : `must be one of ${spec.of.join(', ')}`,
  );

export const Whole = (spec: Spec & { readonly min: number; readonly max: number }): PropertyDecorator =>
  field(spec, { type: 'integer', minimum: spec.min, maximum: spec.max }, (value) =>
    Number.isInteger(value) && Number(value) >= spec.min && Number(value) <= spec.max
      ? undefined
      : `must be a whole number from ${spec.min} to ${spec.max}`,
  );

/** A JSON object of any keys. */
export const Settings = (spec: Spec): PropertyDecorator =>
  field(spec, { type: 'object', additionalProperties: true }, (value) =>
    isObject(value) ? undefined : 'must be an object',
  );

const emptyList = 'must name at least one; leave the field out for the default';
/** Texts, at least one, none twice. */
export const TextList = (spec: Spec & { readonly of?: readonly string[]; readonly max?: number }): PropertyDecorator =>
  field(spec, { type: 'array', items: { type: 'string', ...(spec.of && { enum: [...spec.of] }) } }, (value) => {
    if (!Array.isArray(value)) return 'must be a list of strings';
    if (value.length === 0) return spec.required ? 'must name at least one' : emptyList;
    const wrong = value
      .map((item) => wrongText(item, { required: true, max: spec.max ?? 1000 }))
      .find((text) => text !== undefined);
    if (wrong !== undefined)
      return wrong === 'must be a string' ? 'must be a list of strings' : `has an entry that ${wrong}`;
    const odd = spec.of && value.find((item) => !spec.of?.includes(String(item)));
    if (odd !== undefined) return `must be of ${spec.of?.join(', ')}`;
    return new Set(value).size === value.length ? undefined : 'must not name one twice';
  });

/** A text with a check of its own. */
export const Checked = (
  spec: Spec & { readonly format?: string; readonly check: (text: string) => string | undefined },
): PropertyDecorator =>
  field(spec, { type: 'string', ...(spec.format && { format: spec.format }) }, (value) =>
    typeof value === 'string' ? spec.check(value) : 'must be a string',
  );

export type BodyClass = new () => object;
interface Inner {
  readonly type: () => BodyClass;
  readonly many: boolean;
}
const inners = new WeakMap<object, Map<string, Inner>>();
/** What `Nested` and `NestedList` said about a class's field. */
export const innerOf = (type: BodyClass, property: string): Inner | undefined => inners.get(type)?.get(property);

const nesting =
  (type: () => BodyClass, many: boolean): PropertyDecorator =>
  (target, property) => {
    const known = inners.get(target.constructor) ?? new Map<string, Inner>();
    inners.set(target.constructor, known.set(String(property), { type, many }));
  };
const both =
  (...decorators: readonly PropertyDecorator[]): PropertyDecorator =>
  (target, property) =>
    decorators.forEach((decorator) => decorator(target, property));

// Swagger takes a function for a promise of a class only where its own parameterless arrow stands in the option.
export const Nested = (spec: Spec, type: () => BodyClass): PropertyDecorator =>
  both(
    nesting(type, false),
    field(spec, { type: (() => type()) as never, allOf: undefined }, (value) =>
      isObject(value) ? undefined : 'must be an object',
    ),
  );
export const NestedList = (spec: Spec, type: () => BodyClass): PropertyDecorator =>
  both(
    nesting(type, true),
    field(spec, { type: (() => [type()]) as never }, (value) => {
      if (!Array.isArray(value) || !value.every(isObject)) return 'must be a list of objects';
      return value.length > 0 ? undefined : emptyList;
    }),
  );

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
