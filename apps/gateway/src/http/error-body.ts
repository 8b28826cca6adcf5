/** The error body of the Ingestion Service API, which the platform's own resources share. */
import { STATUS_CODES } from 'node:http';
import { ApiProperty } from '@nestjs/swagger';
import type { HttpFailure } from './failure.js';
import { instant } from './time.js';

export class ErrorResponse {
  @ApiProperty({ description: 'When it happened, in UTC.', example: '2024-03-15T10:30:00Z', format: 'date-time' })
  timestamp!: string;
  @ApiProperty({ description: 'The HTTP status.', example: 400 })
  status!: number;
  @ApiProperty({ description: "The status' name.", example: 'Bad Request' })
  error!: string;
  @ApiProperty({ description: 'What is wrong and what to do, for a person.', example: 'Source name is required' })
  message!: string;
  @ApiProperty({ description: 'The path of the request.', example: '/api/v1/sources' })
  path!: string;
}

export const errorBody = ({ status, message }: HttpFailure, path: string): ErrorResponse => ({
  timestamp: instant(new Date().toISOString()),
  status,
  error: STATUS_CODES[status] ?? 'Error',
  message,
  path,
});
