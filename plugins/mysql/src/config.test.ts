import { destinationConfig, sourceConfig } from './config.js';
import plugins from './index.js';

const least = { host: 'h', username: 'u', database: 'd' };

test('defaults are filled in, unknown keys refused by name, ports and modes checked', () => {
  expect(sourceConfig.parse({ host: 'h', username: 'u' })).toMatchObject({
    port: 3306,
    zero_dates: 'reject',
  });
  expect(() => sourceConfig.parse({ ...least, user: 'x' })).toThrow(/"user"/);
  expect(() => destinationConfig.parse({ ...least, port: 0 })).toThrow();
  expect(() => sourceConfig.parse({ ...least, host: '/run/mysqld/mysqld.sock' })).toThrow(/socket path/);
  expect(() => destinationConfig.parse({ ...least, ssl_mode: 'yes' })).toThrow(/verify-full/);
  expect(() => destinationConfig.parse({ host: 'h', username: 'u' })).toThrow(/database/);
});

test.each(plugins)(
  'every property is titled and described, the description ends with a period; the password is write-only ($kind)',
  (plugin) => {
    const schema = plugin.config['~standard'].jsonSchema.input({ target: 'draft-2020-12' }) as {
      properties: Record<string, { title?: string; description?: string; writeOnly?: boolean }>;
    };
    for (const [name, property] of Object.entries(schema.properties)) {
      expect([name, property.title?.length ?? 0, property.description?.endsWith('.')]).toEqual([
        name,
        expect.any(Number),
        true,
      ]);
      expect(property.title).toBeTruthy();
    }
    expect(
      Object.entries(schema.properties)
        .filter(([, property]) => property.writeOnly)
        .map(([name]) => name),
    ).toEqual(['password']);
  },
);

test('a source and a destination share the id; variants are connector types', () => {
  expect(plugins.map((plugin) => [plugin.kind, plugin.id, Object.keys(plugin.variants ?? {})])).toEqual([
    ['source', 'mysql', ['mysql', 'mariadb']],
    ['destination', 'mysql', ['mysql', 'mariadb', 'singlestore']],
  ]);
});
