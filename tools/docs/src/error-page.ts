import { codes } from '@sluice/connector-sdk';
import { code, table } from './markdown.js';

/**
 * docs/errors.md, from the text of codes.ts: the comment above a code is its documentation, `Fix:` begins what to do about it.
 * Throws when a code has not both.
 */
export function errorPage(source: string): string {
  const body = source.slice(source.indexOf('export const codes'), source.indexOf('} as const'));
  const documented = new Map<string, string>();
  for (const [, comment = '', value = ''] of body.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*\w+:\s*'([^']+)'/g)) {
    documented.set(value, comment.replaceAll(/\s*\n\s*\*?\s*/g, ' ').trim());
  }
  const rows = Object.values(codes).map((value) => {
    const comment = documented.get(value);
    if (!comment) throw new Error(`the error code '${value}' has no comment`);
    const [meaning = '', fix] = comment.split(' Fix: ');
    if (!fix) throw new Error(`the comment of the error code '${value}' has no 'Fix:'`);
    return [code(value), meaning, fix];
  });
  return `${intro}\n\n${table(['code', 'meaning', 'what to do, unless the error has a `fix` of its own'], rows)}\n`;
}

const intro = `# Errors

<!-- Made from libs/connector-sdk/src/codes.ts by \`npm run generate\`. -->

Every error of a connector says whose turn it is (its class) and what it is about (its code). Codes are stable: match on them, never on
messages. A message holds no secret and no row value. Where there is something to do, \`fix\` says it, as a statement to run where it is one.

## Classes

| class | whose turn | what the runner does |
| --- | --- | --- |
| \`config\` | the user | fails the run at once, with no retry; \`path\` leads to the option |
| \`transient\` | the host | retries with backoff, not before \`retryAfter\`, from the destination's checkpoint |
| \`data\` | the pipeline's policy | counts the row as rejected, or stops the lane; \`stream\` names the stream |
| \`lost-position\` | the host, or the user | starts a load in mode replace over, once and with a warning, as nothing of it was visible; else stops the lane, and \`fix\` names the reset |
| \`fenced\` | nobody | ends quietly: another runner has the lane |

## Codes

A plugin may have codes of its own; they start with its id and a dot: \`postgres.slot-in-use\`.`;
