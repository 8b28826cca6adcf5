/** What a check found, as the API shows it. */
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { EndpointView } from '@sluice/messages';
import { instantOrNull } from '../http/time.js';
import { forClients, withoutPlaces } from '../ingestion/words.js';
import { endpointStatuses, endpointWords } from '../lookup/endpoint-fields.js';
import { finding } from './examples.js';

export class FindingResponse {
  @ApiProperty({ description: 'Stable, for programs.', example: finding.code })
  code!: string;
  @ApiProperty({ enum: ['error', 'warning'] })
  severity!: 'error' | 'warning';
  @ApiProperty({ example: finding.message })
  message!: string;
  @ApiPropertyOptional({ description: 'What to do; a statement to run where there is one.', example: finding.fix })
  fix?: string;
}
export class FindingsResponse {
  @ApiProperty({ enum: endpointStatuses })
  status!: (typeof endpointStatuses)[number];
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  lastTestedAt!: string | null;
  @ApiProperty({ type: [FindingResponse], description: 'The worst first; empty when all is well.' })
  findings!: FindingResponse[];
}

export const toFindings = (view: EndpointView): FindingsResponse => ({
  status: endpointWords[view.status],
  lastTestedAt: instantOrNull(view.lastTestedAt),
  findings: view.findings.map(({ code, severity, message, fix }) => ({
    code,
    severity,
    message: forClients(message),
    ...(fix !== undefined && { fix: withoutPlaces(fix) }),
  })),
});
