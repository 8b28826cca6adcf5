import { sourceFailures, surprises } from './broken/mutation.js';
import { sourceMutations } from './broken/source.js';
import { specMutations } from './broken/spec.js';

describe('a source is found out that breaks', () => {
  for (const mutation of [...specMutations, ...sourceMutations]) {
    test(
      mutation.breaks,
      async () => {
        expect(surprises(await sourceFailures(mutation), mutation)).toEqual({ unexpected: [], missing: [] });
      },
      60_000,
    );
  }
});
