/** Between the one model and the Ingestion Service API's words for sources. */
import { suggestCursor, type EndpointView, type Stream, type SyncMode } from '@sluice/messages';
import { instant, instantOrNull } from '../http/time.js';
import { endpointWords } from '../lookup/endpoint-fields.js';
import type { ColumnResponse, SourceResponse, StreamResponse, SyncModeWord } from './sources-dto.js';

export const toSource = (view: EndpointView): SourceResponse => ({
  id: view.id,
  name: view.name,
  description: view.description,
  connectorType: view.connectorType,
  status: endpointWords[view.status],
  lastTestedAt: instantOrNull(view.lastTestedAt),
  createdAt: instant(view.createdAt),
});

type LogicalType = Stream['columns'][number]['type'];
/** The API has six words for types; what none of them means is written as text and so is STRING. */
const typeWords: Readonly<Record<LogicalType, ColumnResponse['type']>> = {
  boolean: 'BOOLEAN',
  int16: 'INTEGER',
  int32: 'INTEGER',
  int64: 'INTEGER',
  float32: 'DECIMAL',
  float64: 'DECIMAL',
  decimal: 'DECIMAL',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP',
  string: 'STRING',
  bytes: 'STRING',
  time: 'STRING',
  duration: 'STRING',
  uuid: 'STRING',
  json: 'STRING',
};

const modeWords: readonly (readonly [Stream['modes'][number], SyncModeWord])[] = [
  ['full', 'FULL_REFRESH'],
  ['cursor', 'INCREMENTAL'],
  ['changes', 'CDC'],
];

export const toStream = ({ id, columns, modes, key, cursors }: Stream): StreamResponse => ({
  name: id,
  columns: columns.map(({ name, type, nullable }) => ({ name, type: typeWords[type], nullable, sampleValues: [] })),
  supportedSyncModes: modeWords.filter(([mode]) => modes.includes(mode)).map(([, word]) => word),
  key: [...key],
  cursorCandidates: [...cursors],
  suggestedCursor: suggestCursor({ columns, cursors, key }) ?? null,
});

export const modeOf: Readonly<Record<SyncModeWord, SyncMode>> = {
  FULL_REFRESH: 'full',
  INCREMENTAL: 'incremental',
  CDC: 'changes',
};
export const wordOf: Readonly<Record<SyncMode, SyncModeWord>> = {
  full: 'FULL_REFRESH',
  incremental: 'INCREMENTAL',
  changes: 'CDC',
};
