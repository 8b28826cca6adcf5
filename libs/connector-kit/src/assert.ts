/** The kit's own small assertions: they throw, so that any test runner can show them. */
import { type ErrorClass, type SluiceError, isSluiceError } from '@sluice/connector-sdk';

/** A rule of the contract was broken. The message says what was seen and what the rule asks. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';
}

export function ok(condition: unknown, message: string): asserts condition {
  if (!condition) throw new ConformanceError(message);
}

/** Deep equality of plain data; bigints and bytes included. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [show(actual), show(expected)];
  ok(a === b, `${what}: expected ${b}, got ${a}`);
}

/** Text of plain data with its keys sorted; long texts are cut. */
export function show(value: unknown, limit = 2000): string {
  const text = JSON.stringify(value, plain) ?? String(value);
  return text.length > limit ? `${text.slice(0, limit)}... (${text.length} characters)` : text;
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value === undefined) return 'undefined';
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Expects `work` to be refused with an error of the contract, of one of `classes` when given; answers that error. */
export async function refused(
  work: () => unknown,
  what: string,
  ...classes: readonly ErrorClass[]
): Promise<SluiceError> {
  let error: unknown;
  try {
    await work();
  } catch (thrown) {
    error = thrown;
  }
  ok(
    error !== undefined,
    `${what} was accepted; the contract asks for a refusal${classes.length ? ` (${classes.join(' or ')})` : ''}`,
  );
  ok(isSluiceError(error), `${what} was refused with ${describeError(error)}, which is no error of the contract`);
  ok(
    classes.length === 0 || classes.includes(error.class),
    `${what} was refused as '${error.class}', expected ${classes.join(' or ')}`,
  );
  ok(error.code !== '' && error.message !== '', `${what} was refused without a code or a message`);
  return error;
}

export const describeError = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : `a thrown ${typeof error}`;

/** Rejects when `work` takes longer than `ms`. */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ConformanceError(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
