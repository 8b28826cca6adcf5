import { ApiProperty } from '@nestjs/swagger';
import { Cron } from 'croner';
import { Checked, Choice, Nested, NestedList, Text, TextList, Uuid, Whole } from '../http/fields.js';
import { connection } from './examples.js';
import { syncModes, type SyncModeWord } from './sources-dto.js';

/** What is wrong with a cron expression of five fields, or undefined. */
export function wrongCron(text: string): string | undefined {
  const fields = text.trim().split(/\s+/).length;
  if (fields !== 5)
    return 'must be a cron expression of five fields (minute hour day month weekday), such as "0 0 * * *"';
  try {
    return new Cron(text, { mode: '5-part', paused: true, timezone: 'UTC' }).nextRun() === null
      ? 'never comes due'
      : undefined;
  } catch (error) {
    return `is not a valid cron expression: ${error instanceof Error ? error.message.replace(/^CronPattern: /, '') : 'unreadable'}`;
  }
}

export class StreamSettings {
  @Text({
    label: 'Stream name',
    description: 'As discovery gave it.',
    required: true,
    max: 1000,
    example: 'public.orders',
  })
  name!: string;
  @Text({
    label: 'Cursor',
    description: 'The column that says what is new, for INCREMENTAL. Chosen from the stream when absent.',
    example: 'order_date',
  })
  cursor?: string | null;
  @TextList({
    label: 'Key',
    description: "The columns that identify a row. The stream's own key when absent.",
    example: ['order_id'],
  })
  key?: string[] | null;
  @Text({
    label: 'Target table',
    description: "The table to fill: 'orders' or 'sales.orders'. The stream's own name when absent.",
    max: 1000,
    example: 'sales.orders',
  })
  targetTable?: string | null;
  @TextList({
    label: 'Columns',
    description: 'The columns to sync; all when absent.',
    example: ['order_id', 'order_date', 'total_amount'],
  })
  columns?: string[] | null;
}
export const encodings = ['auto', 'rows'] as const;
export class ConnectionOptions {
  @Whole({
    label: 'Parallelism',
    description:
      'How many streams, or parts of a large one, are loaded side by side; absent: as the runner is set, its processor cores by default. With 1 they come in their order, and all of one moment where the source can.',
    min: 1,
    max: 32,
    example: 4,
  })
  parallelism?: number | null;
  @Whole({
    label: 'Max attempts',
    description: 'How often one sync is tried, the first time included.',
    min: 1,
    max: 20,
    example: 3,
  })
  maxAttempts?: number | null;
  @Choice({
    label: 'Encoding',
    description: "'rows' turns the hand-through of bytes off, for comparison.",
    of: encodings,
    default: 'auto',
  })
  encoding?: (typeof encodings)[number] | null;
}

export class ConnectionRequest {
  @Uuid({
    label: 'Source id',
    description: 'ID of the source to sync from.',
    required: true,
    example: connection.sourceId,
  })
  sourceId!: string;
  @Text({
    label: 'Connection name',
    description: 'Human-readable connection name.',
    required: true,
    example: connection.name,
  })
  name!: string;
  @Text({
    label: 'Destination type',
    description: 'Destination type.',
    nullable: true,
    default: 'iceberg',
    example: 'iceberg',
  })
  destinationType?: string | null;
  @Uuid({
    label: 'Destination id',
    description: "One of GET /api/v1/destinations. The tenant's only destination when absent.",
    nullable: true,
  })
  destinationId?: string | null;
  @Checked({
    label: 'Sync schedule',
    description: 'Cron expression of five fields in UTC; null for manual only.',
    nullable: true,
    example: connection.syncSchedule,
    check: wrongCron,
  })
  syncSchedule?: string | null;
  @TextList({
    label: 'Selected streams',
    description: 'Streams to sync; null for all discovered streams. Not together with streams.',
    nullable: true,
    example: ['public.orders', 'public.customers'],
  })
  selectedStreams?: string[] | null;
  @NestedList(
    {
      label: 'Streams',
      description: 'Streams to sync, each with its settings. Instead of selectedStreams.',
      nullable: true,
    },
    () => StreamSettings,
  )
  streams?: StreamSettings[] | null;
  @Choice({
    label: 'Sync mode',
    description: 'How to sync.',
    of: syncModes,
    default: 'FULL_REFRESH',
    nullable: true,
    example: 'INCREMENTAL',
  })
  syncMode?: SyncModeWord | null;
  @Nested({ label: 'Options', description: 'How hard to work.', nullable: true }, () => ConnectionOptions)
  options?: ConnectionOptions | null;
}

export const connectionStatuses = ['PENDING', 'ACTIVE', 'PAUSED', 'ERROR'] as const;
export class ConnectionResponse {
  @ApiProperty({ format: 'uuid', example: connection.id })
  id!: string;
  @ApiProperty({ format: 'uuid', example: connection.sourceId })
  sourceId!: string;
  @ApiProperty({ example: connection.sourceName })
  sourceName!: string;
  @ApiProperty({ example: connection.name })
  name!: string;
  @ApiProperty({ example: connection.destinationType })
  destinationType!: string;
  @ApiProperty({ type: String, nullable: true, example: connection.syncSchedule })
  syncSchedule!: string | null;
  @ApiProperty({ enum: syncModes })
  syncMode!: SyncModeWord;
  @ApiProperty({ enum: connectionStatuses })
  status!: (typeof connectionStatuses)[number];
  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: null })
  lastSyncAt!: string | null;
  @ApiProperty({ format: 'date-time', example: connection.createdAt })
  createdAt!: string;
}
