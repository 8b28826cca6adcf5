import { inOurWords } from './words.js';

test.each([
  ['There is no such pipeline', 'There is no such connection'],
  [
    'A pipeline named "my pipeline" exists already; to fix it: choose another name',
    'A connection named "my pipeline" exists already; to fix it: choose another name',
  ],
  [
    'A run of this pipeline is active; to fix it: cancel it first',
    'A sync of this connection is active; to fix it: cancel it first',
  ],
  ['The run is over: it has failed', 'The sync is over: it has failed'],
  [
    `"public.a" cannot be read in mode 'incremental'; to fix it: use mode 'full' for it`,
    '"public.a" cannot be read in mode INCREMENTAL; to fix it: use mode FULL_REFRESH for it',
  ],
  ['Source name is required', 'Source name is required'],
])('%s', (theirs, ours) => expect(inOurWords(theirs)).toBe(ours));
