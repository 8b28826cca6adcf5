/** The Ingestion Service API's way to fail. */
import type { Dialect } from '../http/dialect.js';
import { errorBody } from '../http/error-body.js';
import { reworded } from './words.js';

export const ingestion: Dialect = {
  name: 'ingestion',
  prefixes: ['/api/v1/sources', '/api/v1/connections', '/api/v1/syncs', '/api/v1/files'],
  renderError: (failure, path) => errorBody(reworded(failure), path),
};
