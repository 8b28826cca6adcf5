/** Everything that can be asked about runs or done with them. */
import { cancelSubject, type Answer, type Request } from '@sluice/messages';
import type { Database } from '../database/database.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { claimRun, releaseRun, renewLease } from './claim.js';
import { createRun } from './create-run.js';
import { cancelRun, expireRun, finishRun, settleRun, unresolvedRuns } from './end-run.js';
import type { Outbox } from './outbox.js';
import { getRun, listRuns, listRunStreams } from './run-repository.js';

export interface RunDeps {
  readonly db: Database;
  readonly keyRing: KeyRing;
  readonly outbox: Pick<Outbox, 'flush'>;
  /** Core NATS, best effort. */
  publish(subject: string): void;
}
type Name =
  | 'create'
  | 'get'
  | 'streams'
  | 'list'
  | 'cancel'
  | 'claim'
  | 'heartbeat'
  | 'finish'
  | 'release'
  | 'unresolved'
  | 'settle'
  | 'expire';
export type Runs = {
  readonly [N in Name]: (request: Request<`catalog.runs.${N}`>) => Promise<Answer<`catalog.runs.${N}`>>;
};

export const runService = ({ db, keyRing, outbox, publish }: RunDeps): Runs => ({
  create: async (request) => {
    const view = await createRun(db, request);
    void outbox.flush();
    return view;
  },
  get: (where) => db.run((em) => getRun(em, where)),
  streams: (where) => db.run((em) => listRunStreams(em, where)),
  list: (query) => db.run((em) => listRuns(em, query)),
  cancel: async (request) => {
    const { view, stop } = await cancelRun(db, request);
    if (stop !== null) publish(cancelSubject(stop));
    return view;
  },
  claim: (request) => claimRun(db, keyRing, request),
  heartbeat: (held) => renewLease(db, held),
  finish: (request) => finishRun(db, request),
  release: async (held) => {
    await releaseRun(db, held);
    void outbox.flush();
    return null;
  },
  unresolved: (request) => unresolvedRuns(db, request),
  settle: (request) => settleRun(db, request),
  expire: (request) => expireRun(db, request),
});
