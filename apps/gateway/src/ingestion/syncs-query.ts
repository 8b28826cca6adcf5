/** The query of the list of syncs. Numbers that make no sense count as absent; names that make none are refused. */
import type { Request } from '@sluice/messages';
import { badRequest } from '../http/failure.js';
import { uuid } from '../http/fields.js';

export const defaultSize = 20;
export const mostPerPage = 2000;
const sortFields = {
  startedAt: 'startedAt',
  completedAt: 'finishedAt',
  status: 'status',
  recordsSynced: 'rowsWritten',
} as const;
export const sortNames = Object.keys(sortFields);

type Query = Omit<Request<'catalog.runs.list'>, 'tenantId'>;
/** Throws HttpFailure 400. A key that comes twice counts with its first value. */
export function toQuery(raw: Readonly<Record<string, unknown>>): Query {
  const text = (name: string): string | undefined => {
    const value: unknown = Array.isArray(raw[name]) ? raw[name][0] : raw[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const connectionId = text('connectionId');
  if (connectionId !== undefined && !uuid.test(connectionId)) throw badRequest('connectionId must be a UUID');
  return {
    ...(connectionId !== undefined && { pipelineId: connectionId.toLowerCase() }),
    page: whole(text('page'), 0, 0),
    size: Math.min(whole(text('size'), 1, defaultSize), mostPerPage),
    ...order(text('sort') ?? 'startedAt'),
  };
}

function whole(text: string | undefined, least: number, fallback: number): number {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return fallback;
  const value = Number(text);
  return value >= least && value < 2 ** 31 ? value : fallback;
}

/** 'field' or 'field,asc|desc'; without a direction the newest, or greatest, come first. */
function order(sort: string): Pick<Query, 'sort' | 'descending'> {
  const [name = '', direction = 'desc', ...rest] = sort.split(',').map((part) => part.trim());
  const field = Object.hasOwn(sortFields, name) ? sortFields[name as keyof typeof sortFields] : undefined;
  if (field === undefined || rest.length > 0 || !/^(asc|desc)$/i.test(direction))
    throw badRequest(`sort must be one of ${sortNames.join(', ')}, then ",asc" or ",desc"`);
  return { sort: field, descending: direction.toLowerCase() === 'desc' };
}
