/** All routes of the server, as they are registered: for 405 answers, and to hold the role table against. */
export class RouteBook {
  readonly #methods = new Map<string, Set<string>>();
  #patterns: readonly { readonly pattern: RegExp; readonly url: string }[] | undefined;

  add(method: string | readonly string[], url: string): void {
    const known = this.#methods.get(url) ?? new Set();
    for (const one of typeof method === 'string' ? [method] : method) known.add(one);
    this.#methods.set(url, known);
    this.#patterns = undefined;
  }

  /** 'GET /api/v1/sources/:sourceId', sorted. */
  all(): string[] {
    return [...this.#methods].flatMap(([url, methods]) => [...methods].map((method) => `${method} ${url}`)).sort();
  }

  /** The methods that some route answers at this path, sorted. A literal route wins over one with parameters. */
  methodsAt(asked: string): string[] {
    const path = asked.length > 1 && asked.endsWith('/') ? asked.slice(0, -1) : asked;
    const exact = this.#methods.get(path);
    if (exact) return [...exact].sort();
    this.#patterns ??= [...this.#methods.keys()]
      .filter((url) => url.includes(':'))
      .map((url) => ({ url, pattern: toPattern(url) }));
    const found = this.#patterns.filter(({ pattern }) => pattern.test(path));
    return [...new Set(found.flatMap(({ url }) => [...(this.#methods.get(url) ?? [])]))].sort();
  }
}

const toPattern = (url: string): RegExp =>
  new RegExp(
    `^${url
      .split('/')
      .map((part) => (part.startsWith(':') ? '[^/]+' : escaped(part)))
      .join('/')}$`,
  );
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
