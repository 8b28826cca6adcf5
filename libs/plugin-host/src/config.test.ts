import { z } from 'zod';
import type { Json } from '@sluice/connector-sdk';
import { configSchemaOf, joinSecrets, secretPaths, splitSecrets, validateConfig } from './index.js';

const secret = () => z.string().meta({ writeOnly: true });
const config = z.strictObject({
  host: z.string(),
  port: z.int().default(5432),
  password: secret().optional(),
  'a/b~c': secret().optional(),
  tunnel: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('none') }),
      z.object({ kind: z.literal('ssh'), key: secret(), user: z.string() }),
    ])
    .optional(),
  headers: z.array(z.object({ name: z.string(), value: secret() })).optional(),
});
const plugin = { config };

test('the value comes typed, with its defaults', async () => {
  const value = await validateConfig(plugin, { host: 'db' });
  expect(value.port satisfies number).toBe(5432);
});

test('every issue is in one ConfigError, each with its path', async () => {
  const bad = validateConfig(plugin, { port: 'x', tunnel: { kind: 'ssh', key: 1, user: 'u' }, extra: 1 });
  await expect(bad).rejects.toMatchObject({ class: 'config', code: 'config-invalid', path: ['host'] });
  await expect(bad).rejects.toThrow(/"host" is required; "port": .*; "tunnel.key": .*extra/s);
});

test('secret paths are pointers, through alternatives; an array with secrets is one', () => {
  expect(secretPaths(plugin)).toEqual(['/password', '/a~1b~0c', '/tunnel/key', '/headers']);
});

const whole = {
  host: 'db',
  password: 'p',
  'a/b~c': 's',
  tunnel: { kind: 'ssh', key: 'k', user: 'u' },
  headers: [{ name: 'x', value: 'v' }],
};

test('secrets come out whole, leave nothing behind, and go back in', () => {
  const before = structuredClone(whole);
  const { config: rest, secrets } = splitSecrets(configSchemaOf(plugin), whole);
  expect(rest).toEqual({ host: 'db', tunnel: { kind: 'ssh', user: 'u' } });
  expect(secrets).toEqual({ password: 'p', 'a/b~c': 's', tunnel: { key: 'k' }, headers: [{ name: 'x', value: 'v' }] });
  expect(joinSecrets(rest, secrets)).toEqual(whole);
  expect(whole).toEqual(before);
});

test('a configuration without secrets, or of another shape, is left as it is', () => {
  for (const odd of [{}, { host: 1 }, { tunnel: 'text' }, { tunnel: null }, { tunnel: [] }] satisfies {
    [key: string]: Json;
  }[]) {
    expect(splitSecrets(configSchemaOf(plugin), odd)).toEqual({ config: odd, secrets: {} });
  }
});

test('references are followed, and a schema that contains itself ends', () => {
  const schema = {
    $ref: '#/$defs/node',
    $defs: { node: { properties: { token: { writeOnly: true }, next: { $ref: '#/$defs/node' } } } },
  };
  const value = { token: 't', next: { token: 'inner', next: { other: 1, token: 'innermost' } } };
  const { config: rest, secrets } = splitSecrets(schema, value);
  expect(rest).toEqual({ next: { next: { other: 1 } } });
  expect(secrets).toEqual({ token: 't', next: { token: 'inner', next: { token: 'innermost' } } });
  const looped = {
    $ref: '#/$defs/a',
    $defs: { a: { allOf: [{ $ref: '#/$defs/a' }], properties: { key: { writeOnly: true } } } },
  };
  expect(splitSecrets(looped, { key: 'k' })).toEqual({ config: {}, secrets: { key: 'k' } });
});

test('names of the prototype are names like any other', () => {
  const schema = JSON.parse('{"properties":{"__proto__":{"properties":{"key":{"writeOnly":true}}}}}') as Record<
    string,
    unknown
  >;
  const value = JSON.parse('{"__proto__":{"key":"k","other":1}}') as { [key: string]: Json };
  const { config: rest, secrets } = splitSecrets(schema, value);
  expect(JSON.stringify(rest)).toBe('{"__proto__":{"other":1}}');
  expect(JSON.stringify(secrets)).toBe('{"__proto__":{"key":"k"}}');
  expect(JSON.stringify(joinSecrets(rest, secrets))).toBe('{"__proto__":{"other":1,"key":"k"}}');
  expect(({} as { key?: unknown }).key).toBeUndefined();
});
