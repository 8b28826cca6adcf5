/** Checks that any request needs before it reaches the database. */
import { invalid } from '@sluice/messages';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Ids are UUIDs; anything else names nothing, and must not make the database complain. */
export const isId = (text: unknown): text is string => typeof text === 'string' && uuid.test(text);

/** Trimmed. `what`: 'the name of the source'. Throws 'invalid' when empty or longer than `most` characters. */
export function nameOf(value: unknown, what: string, most = 255): string {
  const name = typeof value === 'string' ? value.trim() : '';
  if (name === '') throw invalid('name-required', `${what} is required`, { fix: 'send a name' });
  if ([...name].length > most)
    throw invalid('name-too-long', `${what} has more than ${most} characters`, { fix: 'send a shorter name' });
  return name;
}

/** The database's texts hold neither NUL nor half of a surrogate pair. */
export function refuseUnstorableText(value: unknown, path: readonly string[] = []): void {
  if (typeof value === 'string') {
    if (/\0|\p{Surrogate}/u.test(value))
      throw invalid('text-invalid', `${path.join('.') || 'a text'} holds a character that cannot be stored`, {
        fix: 'remove NUL characters and broken Unicode',
      });
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      refuseUnstorableText(name, path);
      refuseUnstorableText(inner, [...path, name]);
    }
  }
}
export const iso = (time: Date | null): string | null => time?.toISOString() ?? null;
