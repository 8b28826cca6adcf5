/** The platform's own resources; also answers for every path that belongs to no dialect. */
import type { Dialect } from '../http/dialect.js';
import { errorBody } from '../http/error-body.js';

export const platform: Dialect = { name: 'platform', prefixes: ['/api/v1'], renderError: errorBody };
