/** Turns a parsed JSON body into a validated instance of its class, by allow-list; every problem is told at once. */
import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import { getMetadataStorage, validateSync } from 'class-validator';
import { badRequest } from './failure.js';
import { innerOf, isObject, type BodyClass } from './fields.js';

/** Throws HttpFailure 400 that names all problems, joined with '; '. */
export function readBody<T extends object>(type: new () => T, body: unknown): T {
  if (!isObject(body))
    throw badRequest(body === undefined ? 'A request body is required' : 'The request body must be a JSON object');
  const problems: string[] = [];
  const value = read(type, body, '', problems);
  if (problems.length > 0) throw badRequest(problems.join('; '));
  return value as T;
}

function read(type: BodyClass, body: Record<string, unknown>, at: string, problems: string[]): object {
  const known = fieldsOf(type);
  problems.push(...unknownFields(body, known, at));
  const instance = new type();
  const target = instance as Record<string, unknown>;
  for (const name of known) {
    if (!Object.hasOwn(body, name)) continue;
    target[name] = body[name];
  }
  for (const error of validateSync(instance, { forbidUnknownValues: false }))
    problems.push(...Object.values(error.constraints ?? {}).map((text) => at + text));
  for (const name of known) {
    const inner = innerOf(type, name);
    const value = target[name];
    if (inner === undefined) continue;
    const place = `${at}${name}`;
    if (inner.many && Array.isArray(value))
      target[name] = value.map((one, i) =>
        isObject(one) ? read(inner.type(), one, `${place}[${i}]: `, problems) : one,
      );
    else if (isObject(value)) target[name] = read(inner.type(), value, `${place}: `, problems);
  }
  return instance;
}

function unknownFields(body: object, known: readonly string[], at: string): string[] {
  const unknown = Object.keys(body).filter((name) => !known.includes(name));
  if (unknown.length === 0) return [];
  const names = unknown.slice(0, 10).map((name) => JSON.stringify(name.slice(0, 64)));
  return [`${at}Unknown field${unknown.length > 1 ? 's' : ''} ${names.join(', ')}; allowed are ${known.join(', ')}`];
}

const known = new WeakMap<object, readonly string[]>();
function fieldsOf(type: BodyClass): readonly string[] {
  const found = known.get(type);
  if (found) return found;
  const metadata = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  const names = [...new Set(metadata.map(({ propertyName }) => propertyName))];
  known.set(type, names);
  return names;
}

/** Applies `readBody` to every `@Body()` that has a class; other parameters pass untouched. */
export class BodyPipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (type !== 'body' || metatype === undefined || metatype === Object) return value;
    return readBody(metatype as BodyClass, value);
  }
}
