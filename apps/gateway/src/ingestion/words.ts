/** Other services speak of pipelines, runs and modes by their own names; this API's readers know other words. */
import { HttpFailure } from '../http/failure.js';
import { wordOf } from './sources-mapper.js';

const rules: readonly (readonly [RegExp, string | ((match: string, ...groups: string[]) => string)])[] = [
  [/\bpipeline/g, 'connection'],
  [/\bPipeline/g, 'Connection'],
  [/\b(a|the|this|another|such|each|no) run\b/gi, '$1 sync'],
  [/\bmode '(full|incremental|changes)'/g, (_, mode = '') => `mode ${wordOf[mode as keyof typeof wordOf]}`],
];
/** What stands in double quotes is a name of the user's and stays. */
const quoted = /("(?:[^"\\]|\\.)*")/;

export const inOurWords = (text: string): string =>
  text
    .split(quoted)
    .map((part, i) => (i % 2 === 1 ? part : rules.reduce((rest, [from, to]) => rest.replace(from, to as string), part)))
    .join('');

export const reworded = (failure: HttpFailure): HttpFailure =>
  new HttpFailure(failure.status, inOurWords(failure.message), failure.headers, failure.cause);
