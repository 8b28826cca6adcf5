/**
 * Turns many single lookups into few: what is asked for while a lookup is under way makes up the next one. Nothing joins a
 * lookup that began before it was asked for, so that no answer is older than its question.
 */
export interface BatcherOptions<K, V> {
  /** Answers in the order of `keys`. */
  readonly load: (keys: readonly K[]) => Promise<readonly V[]>;
  /** Keys with the same text are the same. */
  readonly textOf: (key: K) => string;
  /** Most keys of one lookup. */
  readonly most: number;
  /** A lookup that takes longer holds up the next one no more, in ms. */
  readonly patience: number;
}
interface Waiting<K, V> {
  readonly key: K;
  readonly answer: PromiseWithResolvers<V>;
}
interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

export class Batcher<K, V> {
  #waiting = new Map<string, Waiting<K, V>>();
  #underWay = false;

  constructor(private readonly options: BatcherOptions<K, V>) {}

  get(key: K): Promise<V> {
    const text = this.options.textOf(key);
    const found = this.#waiting.get(text);
    if (found !== undefined) return found.answer.promise;
    const answer = withResolvers<V>();
    this.#waiting.set(text, { key, answer });
    // Not at once: requests that came in the same turn of the event loop go together.
    if (!this.#underWay && this.#waiting.size === 1) setImmediate(() => this.#next());
    return answer.promise;
  }

  #next(): void {
    if (this.#underWay || this.#waiting.size === 0) return;
    const all = [...this.#waiting.values()];
    this.#waiting = new Map();
    this.#underWay = true;
    const { most, patience } = this.options;
    const parts = Array.from({ length: Math.ceil(all.length / most) }, (_, i) => all.slice(i * most, (i + 1) * most));
    let over = false;
    const free = (): void => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      this.#underWay = false;
      this.#next();
    };
    const timer = setTimeout(free, patience);
    void Promise.all(parts.map((part) => this.#load(part))).then(free);
  }

  async #load(part: readonly Waiting<K, V>[]): Promise<void> {
    try {
      const values = await this.options.load(part.map(({ key }) => key));
      if (values.length !== part.length)
        throw new Error(`${part.length} keys were asked for, ${values.length} answered`);
      for (const [i, { answer }] of part.entries()) answer.resolve(values[i] as V);
    } catch (error) {
      for (const { answer } of part) answer.reject(error);
    }
  }
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}
