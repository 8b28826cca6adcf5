import { inOurWords, withoutPlaces } from './words.js';

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
  [
    `The postgres connector does not read in mode 'changes'; to fix it: use one of: full, incremental`,
    'The postgres connector does not read in mode CDC; to fix it: use one of: FULL_REFRESH, INCREMENTAL',
  ],
  [
    'the view v cannot be read in mode cursor; it offers only full',
    'the view v cannot be read in mode INCREMENTAL; it offers only FULL_REFRESH',
  ],
  ['set cursor to one of: full, at', 'set cursor to one of: full, at'],
])('%s', (theirs, ours) => expect(inOurWords(theirs)).toBe(ours));

test.each([
  ["ENOENT: no such file, rename '/var/lib/x/a.new' -> '/var/lib/x/a'", "ENOENT: no such file, rename 'a.new' -> 'a'"],
  ["Cannot find module '/opt/p/i.js'\nRequire stack:\n- /opt/q.js", "Cannot find module 'i.js'"],
  ['TypeError: x\n    at read (/opt/p/i.js:1:2)\n    at go', 'TypeError: x'],
  ['send POST /api/v1/connections/7/reset', 'send POST /api/v1/connections/7/reset'],
  [
    'see https://x.example/a/b and 2024/01/02, "/my/table" or/and',
    'see https://x.example/a/b and 2024/01/02, "/my/table" or/and',
  ],
])('no place of a machine: %s', (theirs, ours) => expect(withoutPlaces(theirs)).toBe(ours));
