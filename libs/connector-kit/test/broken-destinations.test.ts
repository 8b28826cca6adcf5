import { destinationMutations } from './broken/destination.js';
import { destinationFailures, surprises } from './broken/mutation.js';

describe('a destination is found out that breaks', () => {
  for (const mutation of destinationMutations) {
    test(
      mutation.breaks,
      async () => {
        expect(surprises(await destinationFailures(mutation), mutation)).toEqual({ unexpected: [], missing: [] });
      },
      60_000,
    );
  }
});
