/** Other services speak of pipelines, runs and modes by their own names; this API's readers know other words. */
import { HttpFailure } from '../http/failure.js';
import { wordOf } from './sources-mapper.js';

/** A pipeline's mode, or that of a read. */
const modeWord = (mode: string): string => wordOf[(mode === 'cursor' ? 'incremental' : mode) as keyof typeof wordOf];
const rules: readonly (readonly [RegExp, string | ((match: string, ...groups: string[]) => string)])[] = [
  [/\bpipeline/g, 'connection'],
  [/\bPipeline/g, 'Connection'],
  [/\b(a|the|this|another|such|each|no) run\b/gi, '$1 sync'],
  [/\bmode '?(full|incremental|changes|cursor)\b'?/g, (_, mode = '') => `mode ${modeWord(mode)}`],
  [
    /\b(one of:|offers only|only|in mode:) ((?:full|incremental|changes|cursor)(?:, (?:full|incremental|changes|cursor))*)(?=$|[;.])/g,
    (_, before = '', modes = '') => `${before} ${modes.split(', ').map(modeWord).join(', ')}`,
  ],
];
/** What stands in double quotes is a name of the user's and stays. */
const quoted = /("(?:[^"\\]|\\.)*")/;

export const inOurWords = (text: string): string =>
  text
    .split(quoted)
    .map((part, i) => (i % 2 === 1 ? part : rules.reduce((rest, [from, to]) => rest.replace(from, to as string), part)))
    .join('');

/**
 * A message of a plugin or a runner, for a client: in our words, without the trace of a bug and without the folders of the
 * machine it happened on.
 */
export const forClients = (text: string): string => inOurWords(withoutPlaces(text));

/** What follows the first line of a stack goes, and of an absolute path its last part stays. Quoted names are the user's. */
export const withoutPlaces = (text: string): string =>
  text
    .replace(/\n\s+at [\s\S]*$|\nRequire stack:[\s\S]*$/, '')
    .split(quoted)
    .map((part, i) => (i % 2 === 1 ? part : part.replace(place, '$1$2')))
    .join('');
const place = /(^|[\s'(=,[<])(?:file:\/\/)?(?!\/api\/)(?:\/[\w.@+~-]+)+\/([\w.@+~-]+)/g;

export const reworded = (failure: HttpFailure): HttpFailure =>
  new HttpFailure(failure.status, inOurWords(failure.message), failure.headers, failure.cause);
