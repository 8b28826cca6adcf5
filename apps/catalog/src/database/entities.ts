/**
 * Tables whose rows are read as a whole. Runs, their queue and what goes with them are not here: every change of
 * theirs is one conditional statement (see ../runs), because several catalogs and runners act on them at once.
 */
import type { Binding, Finding, JsonObject, Permission, PipelineOptions, Schedule, SyncMode } from '@sluice/messages';
import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';

type Role = 'source' | 'destination';
export interface ApiKeyRow {
  id: string;
  tenantId: string;
  name: string;
  prefix: string;
  hash: string;
  permissions: Permission[];
  createdAt: Date;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}
/** 'retired-...': deleted by its owner, and kept until what its pipelines left there has been removed. */
export type StoredRole = Role | `retired-${Role}`;
export interface EndpointRow {
  id: string;
  tenantId: string;
  role: Role;
  name: string;
  description: string | null;
  connectorType: string;
  config: JsonObject;
  /** Grows with every change of the configuration; part of what its secret is bound to. */
  version: number;
  status: 'untested' | 'ok' | 'failed';
  findings: readonly Finding[];
  lastTestedAt: Date | null;
  /** Names the rows of `stream` that are this endpoint's last complete discovery. */
  discoveryId: string | null;
  discoveredAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}
export interface PipelineRow {
  id: string;
  tenantId: string;
  name: string;
  sourceId: string;
  destinationId: string | null;
  destinationType: string;
  mode: SyncMode;
  schedule: Schedule | null;
  /** Since when this schedule counts: starts before it were never due. */
  scheduleSince: Date;
  bindings: readonly Binding[] | null;
  options: PipelineOptions;
  status: 'pending' | 'active' | 'paused' | 'error' | 'archived';
  generation: string;
  lastSyncAt: Date | null;
  lastDueAt: Date | null;
  nextRunAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}
type Column = EntitySchemaColumnOptions;
const text: Column = { type: 'text' };
const uuid: Column = { type: 'uuid' };
const bigint: Column = { type: 'bigint' };
const json: Column = { type: 'jsonb' };
const time: Column = { type: 'timestamptz', precision: 3 };
const maybe = (column: Column): Column => ({ ...column, nullable: true });
const primary = (column: Column): Column => ({ ...column, primary: true });

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const table = <Row extends object>(name: string, columns: { [K in keyof Row]: Column }): EntitySchema<Row> => {
  const named = Object.entries<Column>(columns).map(([key, column]) => [key, { ...column, name: snake(key) }] as const);
  return new EntitySchema<Row>({
    name,
    tableName: name,
    columns: Object.fromEntries(named) as { [K in keyof Row]: Column },
  });
};

export const apiKeyTable = table<ApiKeyRow>('api_key', {
  id: primary(uuid),
  tenantId: text,
  name: text,
  prefix: text,
  hash: text,
  permissions: { type: 'text', array: true },
  createdAt: time,
  expiresAt: maybe(time),
  revokedAt: maybe(time),
  lastUsedAt: maybe(time),
});
export const endpointTable = table<EndpointRow>('endpoint', {
  id: primary(uuid),
  tenantId: text,
  role: text,
  name: text,
  description: maybe(text),
  connectorType: text,
  config: json,
  version: { type: 'integer' },
  status: text,
  findings: json,
  lastTestedAt: maybe(time),
  discoveryId: maybe(uuid),
  discoveredAt: maybe(time),
  createdAt: time,
  updatedAt: time,
});
export const pipelineTable = table<PipelineRow>('pipeline', {
  id: primary(uuid),
  tenantId: text,
  name: text,
  sourceId: uuid,
  destinationId: maybe(uuid),
  destinationType: text,
  mode: text,
  schedule: maybe(json),
  scheduleSince: time,
  bindings: maybe(json),
  options: json,
  status: text,
  generation: bigint,
  lastSyncAt: maybe(time),
  lastDueAt: maybe(time),
  nextRunAt: maybe(time),
  createdAt: time,
  updatedAt: time,
});
export const entities = [apiKeyTable, endpointTable, pipelineTable];
