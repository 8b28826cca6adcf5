/** Plugin packages written into a temporary folder. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export class Folder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-plugin-host-')));
  write(name: string, text: string): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }
  /** A package whose key `sluice` is as given, and whose module has this text. */
  package(folder: string, manifest: object, module = pluginText({})): void {
    this.write(join(folder, 'package.json'), JSON.stringify({ version: '1.2.3', ...manifest }));
    this.write(join(folder, 'index.cjs'), module);
  }
  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

export const key = { contract: 1, plugin: './index.cjs' };

/** CommonJS text of a plugin; `parts` replaces its members, by their text. */
export function pluginText(parts: Readonly<Record<string, string>>): string {
  const members = {
    contract: '1',
    kind: '"source"',
    id: '"demo"',
    title: '"Demo"',
    config:
      '{ "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }), jsonSchema: { input: () => ({ type: "object" }), output: () => ({}) } } }',
    can: '{ modes: ["full"], encodings: [], split: false }',
    open: 'async () => ({})',
    ...parts,
  };
  const text = Object.entries(members).map(([name, value]) => `${name}: ${value}`);
  return `exports.default = { ${text.join(', ')} };`;
}
