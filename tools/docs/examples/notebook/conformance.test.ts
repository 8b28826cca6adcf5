import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DestinationPeer, conformance } from '@sluice/connector-kit';
import destination from './index.js';
import { load, save } from './store.js';

const folder = mkdtempSync(join(tmpdir(), 'notebook-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'notebook');

const peer: DestinationPeer = {
  read: async (table) => load(path).tables.get(JSON.stringify(table)),
  make: async ({ path: table, columns, rows }) => {
    const notebook = load(path);
    const native = columns.map((column) => ({ ...column, native: column.type }));
    notebook.tables.set(JSON.stringify(table), { columns: native, rows });
    save(path, notebook);
  },
  drop: async (table) => {
    const notebook = load(path);
    notebook.tables.delete(JSON.stringify(table));
    save(path, notebook);
  },
  tables: async () => [...load(path).tables.keys(), ...load(path).shadows.keys()],
};

conformance(destination, { config: { path }, peer });
