/** spec: what a plugin says about itself, without opening it. Same for sources and destinations. */
import type { DestinationPlugin, SourcePlugin } from '@sluice/connector-sdk';
import { ok, same } from '../assert.js';
import names from '../cases/names.json';
import type { Case } from '../lab.js';
import { type Property, jsonSchema, properties } from '../schema.js';

const idShape = /^[a-z][a-z0-9-]*$/;
const secretName = /(password|passphrase|secret|token|api_?key|private_?key|credential)s?$/i;

type AnyKind = SourcePlugin | DestinationPlugin;

export function specCases(plugin: AnyKind): Case[] {
  const all = () => properties(jsonSchema(plugin));
  const each = (id: string, rule: (property: Property, name: string) => void): Case => ({
    id: `spec/${id}`,
    run: async () => all().forEach((property) => rule(property, property.path.join('.'))),
  });
  return [
    { id: 'spec/shape', run: async () => shape(plugin) },
    { id: 'spec/claims', run: async () => claims(plugin) },
    { id: 'spec/schema', run: async () => same(jsonSchema(plugin)['type'], 'object', 'the type of the configuration') },
    each('titles', ({ schema }, name) => ok(isText(schema['title']), `property '${name}' has no title`)),
    each('descriptions', ({ schema }, name) => {
      ok(isText(schema['description']), `property '${name}' has no description`);
      ok(schema['description'].endsWith('.'), `the description of '${name}' does not end with a period`);
    }),
    each('boolean-defaults', ({ schema }, name) =>
      ok(schema['type'] !== 'boolean' || typeof schema['default'] === 'boolean', `boolean '${name}' has no default`),
    ),
    each('secrets', ({ schema, path }, name) =>
      ok(
        !isSecretLike(schema, path.at(-1)!) || schema['writeOnly'] === true,
        `'${name}' looks like a secret and is not writeOnly`,
      ),
    ),
    each('canonical-names', ({ path }, name) => {
      const canonical = Object.entries(names['canonical options']).find(([alias]) => alias === path.at(-1))?.[1];
      ok(canonical === undefined, `option '${name}' is called '${canonical}' in every plugin`);
    }),
  ];
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== '';
const isSecretLike = (schema: Readonly<Record<string, unknown>>, name: string): boolean =>
  (schema['type'] === 'string' || schema['type'] === undefined) && secretName.test(name);

function shape(plugin: AnyKind): void {
  same(plugin.contract, 1, 'contract');
  ok(plugin.kind === 'source' || plugin.kind === 'destination', `kind is '${String(plugin.kind)}'`);
  ok(idShape.test(plugin.id), `id '${plugin.id}' is not of the form ${idShape.source}`);
  ok(isText(plugin.title), 'the plugin has no title');
  for (const [name, variant] of Object.entries(plugin.variants ?? {})) {
    ok(idShape.test(name), `variant '${name}' is not of the form ${idShape.source}`);
    ok(isText(variant.title) && isText(variant.description), `variant '${name}' lacks a title or a description`);
  }
}

function claims(plugin: AnyKind): void {
  const { can } = plugin;
  const known = plugin.kind === 'source' ? ['full', 'cursor', 'changes'] : ['append', 'upsert', 'replace'];
  ok(can.modes.length > 0, 'can.modes is empty');
  distinct('can.modes', can.modes, known);
  distinct('can.encodings', can.encodings);
  for (const encoding of can.encodings)
    ok(/^[a-z0-9.-]+\/\d+$/.test(encoding), `'${encoding}' is no encoding: 'name/version'`);
  if ('split' in can) return same(typeof can.split, 'boolean', 'the type of can.split');
  distinct('can.commit', [can.commit], ['atomic', 'idempotent', 'at-least-once']);
  distinct('can.evolve', can.evolve, ['add-column', 'widen']);
}

function distinct(what: string, claimed: readonly string[], known?: readonly string[]): void {
  same(new Set(claimed).size, claimed.length, `distinct entries of ${what}`);
  for (const claim of claimed)
    ok(!known || known.includes(claim), `${what} has '${claim}', which the contract does not know`);
}
