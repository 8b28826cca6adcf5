import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installedConnectors } from './installed-connectors.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-catalog-plugins-'));
  mkdirSync(join(folder, 'newer'));
  writeFileSync(join(folder, 'newer/package.json'), '{ "name": "newer", "sluice": { "contract": 2 } }');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the operator hears once of all that cannot be used; a tenant of packages, not of folders', async () => {
  const said: string[] = [];
  const newer = "plugin package 'newer' is refused: it is written for contract 2; this host speaks 1";
  const connectors = installedConnectors([folder, join(folder, 'gone')], (sentence) => said.push(sentence));
  expect(await connectors.list()).toEqual([]);
  expect(await connectors.refused()).toEqual([newer]);
  expect(said).toEqual([newer, `no plugins from '${join(folder, 'gone')}': there is no such folder`]);
  await expect(connectors.find('source', 'newer')).rejects.toMatchObject({
    failure: { code: 'unknown-connector', message: `no source connector "newer" is installed; ${newer}` },
  });
});
