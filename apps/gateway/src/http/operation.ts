/** Documents one operation: texts, the answer with its example, and every error with an example of its own. */
import { applyDecorators, HttpCode } from '@nestjs/common';
import { ApiBody, ApiExtraModels, ApiOperation, ApiResponse, ApiSecurity, getSchemaPath } from '@nestjs/swagger';
import { STATUS_CODES } from 'node:http';
import { ErrorResponse } from './error-body.js';
import type { BodyClass } from './fields.js';

interface Answer {
  readonly status: number;
  readonly description: string;
  /** The class of the answer; absent with status 204, and where `schema` says more. */
  readonly type?: abstract new () => object;
  readonly list?: boolean;
  readonly schema?: Record<string, unknown>;
  readonly mediaType?: string;
  readonly example?: unknown;
}
export interface OperationSpec {
  readonly id: string;
  readonly summary: string;
  readonly description: string;
  readonly answer: Answer;
  /** The path of the examples' errors: '/api/v1/sources'. */
  readonly path: string;
  /** By status, what it means here; 401, 403, 500 and 503 are added. */
  readonly errors?: Readonly<Record<number, string>>;
  /** False: X-Tenant-Id is not needed. */
  readonly tenant?: boolean;
  /** It reads a JSON body, so that 400, 413 and 415 may come. `example` is one that can be sent as it is. */
  readonly body?: { readonly type: BodyClass; readonly example: object };
}

const always = (tenant: boolean): Record<number, string> => ({
  ...(tenant && { 400: 'The X-Tenant-Id header is required' }),
  401: 'The token has expired',
  403: 'The permission data:ingestion:manage is required',
  500: 'An unexpected error; the log has its cause',
  503: 'The catalog service is not running',
});
const ofBody = {
  400: 'Malformed JSON in the request body',
  413: 'The request body is too large',
  415: 'The body must be JSON: send Content-Type: application/json',
};

export function Operation(spec: OperationSpec): MethodDecorator {
  const { answer, tenant = true, body } = spec;
  const errors = { ...always(tenant), ...(body && ofBody), ...spec.errors };
  const credentials = tenant
    ? [
        { bearer: [], tenant: [] },
        { apiKey: [], tenant: [] },
      ]
    : [{ bearer: [] }, { apiKey: [] }];
  return applyDecorators(
    HttpCode(answer.status),
    ApiOperation({ operationId: spec.id, summary: spec.summary, description: spec.description }),
    ...credentials.map((one) => ApiSecurity(one)),
    ...(body
      ? [ApiBody({ type: body.type, examples: { ready: { summary: 'Ready to send', value: body.example } } })]
      : []),
    ApiExtraModels(ErrorResponse, ...(answer.type ? [answer.type as never] : [])),
    ApiResponse({ status: answer.status, description: answer.description, ...contentOf(answer) }),
    ...Object.entries(errors).map(([status, message]) =>
      ApiResponse(errorResponse(Number(status), message, spec.path)),
    ),
  ) as MethodDecorator;
}

function contentOf({ type, list, schema, mediaType = 'application/json', example }: Answer): object {
  const model = type && { $ref: getSchemaPath(type as never) };
  const shape = schema ?? (list ? { type: 'array', items: model } : model);
  if (shape === undefined) return {};
  return { content: { [mediaType]: { schema: shape, ...(example !== undefined && { example }) } } };
}

const errorResponse = (status: number, message: string, path: string): object => {
  const error = STATUS_CODES[status];
  const example = { timestamp: '2024-03-15T10:30:00Z', status, error, message, path };
  return {
    status,
    description: error,
    content: { 'application/json': { schema: { $ref: getSchemaPath(ErrorResponse) }, example } },
  };
};
