/** A family of routes that share a way to fail. Found by path, so that errors outside any controller have the right shape too. */
import type { HttpFailure } from './failure.js';

export interface Dialect {
  /** For logs: 'ingestion'. */
  readonly name: string;
  /** The paths it answers for, and everything below them: '/api/v1/sources'. */
  readonly prefixes: readonly string[];
  /** The body of a failure; `path` is that of the request, without its query. */
  renderError(failure: HttpFailure, path: string): unknown;
}

/** The dialect with the longest prefix that fits; `fallback` when none does. */
export function dialectOf(dialects: readonly Dialect[], fallback: Dialect, path: string): Dialect {
  let best = fallback;
  let length = -1;
  for (const dialect of dialects)
    for (const prefix of dialect.prefixes)
      if (prefix.length > length && isBelow(path, prefix)) [best, length] = [dialect, prefix.length];
  return best;
}

const isBelow = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');

/** A request's path without its query. */
export function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}
