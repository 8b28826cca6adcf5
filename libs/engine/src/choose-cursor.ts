import { ConfigError, codes, suggestCursor, type Column, type Stream } from '@sluice/connector-sdk';

/**
 * The cursor that was asked for, or the one that suggests itself (`suggestCursor`). Throws ConfigError that names the choices.
 */
export function chooseCursor(stream: Stream, asked: string | undefined): string {
  const choices = stream.columns.filter(({ name }) => stream.cursors.includes(name));
  if (asked !== undefined) {
    if (choices.some(({ name }) => name === asked)) return asked;
    throw refused(stream, choices, `${JSON.stringify(asked)} cannot be its cursor`);
  }
  const chosen = suggestCursor(stream);
  if (chosen === undefined) throw refused(stream, choices, 'it is not clear which column is its cursor');
  return chosen;
}

function refused({ id }: Stream, choices: readonly Column[], why: string): ConfigError {
  const names = choices.map(({ name }) => name).join(', ');
  const fix = choices.length === 0 ? 'sync this stream in mode full' : `set cursor to one of: ${names}`;
  return new ConfigError(`${id} cannot be read incrementally: ${why}`, {
    code: codes.configInvalid,
    path: [id, 'cursor'],
    fix,
  });
}
