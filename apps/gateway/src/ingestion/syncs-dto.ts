import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { finishedSync, syncPage } from './examples.js';

export const syncStatuses = ['RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;
export type SyncStatus = (typeof syncStatuses)[number];
export class SyncResponse {
  @ApiProperty({ format: 'uuid', example: finishedSync.id })
  id!: string;
  @ApiProperty({ format: 'uuid', example: finishedSync.connectionId })
  connectionId!: string;
  @ApiProperty({ example: finishedSync.connectionName })
  connectionName!: string;
  @ApiProperty({
    enum: syncStatuses,
    description: 'RUNNING from the trigger on, also while it waits for a runner or for its next attempt.',
  })
  status!: SyncStatus;
  @ApiProperty({
    type: Number,
    format: 'int64',
    nullable: true,
    description: 'Rows written; null until it has begun.',
    example: finishedSync.recordsSynced,
  })
  recordsSynced!: number | null;
  @ApiProperty({
    type: Number,
    format: 'int64',
    nullable: true,
    description: 'Bytes moved; null until it has begun.',
    example: finishedSync.bytesSynced,
  })
  bytesSynced!: number | null;
  @ApiProperty({ format: 'date-time', example: finishedSync.startedAt })
  startedAt!: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: finishedSync.completedAt })
  completedAt!: string | null;
  @ApiProperty({ type: Number, format: 'int64', nullable: true, example: finishedSync.durationMs })
  durationMs!: number | null;
  @ApiPropertyOptional({
    description: 'Why it failed, or which part of it did; absent when there is nothing to say.',
    example: 'The connection to the source was lost',
  })
  errorMessage?: string;
}
export class SyncPage {
  @ApiProperty({ type: [SyncResponse] })
  content!: SyncResponse[];
  @ApiProperty({ example: syncPage.totalElements })
  totalElements!: number;
  @ApiProperty({ example: syncPage.totalPages })
  totalPages!: number;
  @ApiProperty({ description: 'Zero-based.', example: syncPage.number })
  number!: number;
  @ApiProperty({ example: syncPage.size })
  size!: number;
}
