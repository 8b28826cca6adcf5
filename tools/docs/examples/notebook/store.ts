import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import type { Checkpoint, Column, Row } from '@sluice/connector-sdk';

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}
export interface LaneState {
  readonly id: string;
  readonly fence: bigint;
  readonly generation: number;
  readonly checkpoint?: Checkpoint;
}
/** All that the file holds: tables that readers see, shadows that they do not, and how far each lane has come. */
export interface Notebook {
  readonly tables: Map<string, Table>;
  readonly shadows: Map<string, Table & { readonly lane: string; readonly generation: number }>;
  readonly lanes: Map<string, LaneState>;
}

export function load(path: string): Notebook {
  try {
    return deserialize(readFileSync(path)) as Notebook;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { tables: new Map(), shadows: new Map(), lanes: new Map() };
  }
}

/** The rename is this system's transaction: a reader sees the old file or the new one, whenever we are killed. */
export function save(path: string, notebook: Notebook): void {
  writeFileSync(`${path}.new`, serialize(notebook));
  renameSync(`${path}.new`, path);
}
