/** Listens to every text a plugin lets out - errors, findings, logs, statements - so that secrets can be looked for in them. */
import { inspect } from 'node:util';
import type { AnySession } from './session.js';

export class Recorder {
  readonly heard: { readonly where: string; readonly text: string }[] = [];

  hear(where: string, text: string): void {
    this.heard.push({ where, text });
  }
  hearError(where: string, error: unknown): void {
    this.hear(where, inspect(error, { depth: 8 }));
  }
  rethrow(error: unknown): never {
    this.hearError('an error of open', error);
    throw error;
  }
  /** Where one of these texts was heard; empty when nowhere. */
  find(needles: readonly string[]): string[] {
    return [
      ...new Set(
        this.heard.filter(({ text }) => needles.some((needle) => text.includes(needle))).map(({ where }) => where),
      ),
    ];
  }

  /** The session, with every answer and error of its members heard. `this` inside the plugin stays the plugin's own. */
  listen<Session extends AnySession>(session: Session): Session {
    return new Proxy(session, {
      get: (target, member) => {
        const value: unknown = Reflect.get(target, member);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          const where = `${String(member)}()`;
          const answer = this.#attempt(where, () => Reflect.apply(value, target, args) as unknown);
          if (answer instanceof Promise) return this.#promise(where, answer);
          return isIterable(answer) ? this.#iterable(where, answer) : answer;
        };
      },
    });
  }
  #attempt<T>(where: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.hearError(`an error of ${where}`, error);
      throw error;
    }
  }
  async #promise(where: string, answer: Promise<unknown>): Promise<unknown> {
    try {
      const value = await answer;
      if (Array.isArray(value) && value.length < 100) this.hear(`an answer of ${where}`, inspect(value, { depth: 4 }));
      return value;
    } catch (error) {
      this.hearError(`an error of ${where}`, error);
      throw error;
    }
  }
  #iterable(where: string, answer: AsyncIterable<unknown>): AsyncIterable<unknown> {
    return {
      [Symbol.asyncIterator]: () => {
        const inner = answer[Symbol.asyncIterator]();
        const next = async () => {
          try {
            return await inner.next();
          } catch (error) {
            this.hearError(`an error of ${where}`, error);
            throw error;
          }
        };
        return { next, return: async () => (await inner.return?.()) ?? { done: true, value: undefined } };
      },
    };
  }
}

const isIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
