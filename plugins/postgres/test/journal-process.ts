/** A process that reads changes into a file, one line a commit, until it is killed. Its order comes as JSON in argument 2. */
import type { Change, Checkpoint, Stream } from '@sluice/connector-sdk';
import { appendFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { openChanges } from '../src/changes/index.js';
import type { SourceConfig } from '../src/config.js';
import { connect } from '../src/connect.js';

interface Order {
  readonly config: SourceConfig;
  readonly pipeline: string;
  readonly streams: readonly Stream[];
  readonly after?: Checkpoint;
  readonly journal: string;
}

async function main({ config, pipeline, streams, after, journal }: Order): Promise<void> {
  const context = {
    signal: new AbortController().signal,
    dial: ({ host, port }: { host: string; port: number }) =>
      new Promise<ReturnType<typeof dial>>((done, failed) => {
        const socket = dial(port, host, () => done(socket)).once('error', failed);
      }),
    log: () => undefined,
  };
  const followed = streams.map((stream) => ({ stream }));
  const limits = { batchBytes: 2000, groupMillis: 5, holdBytes: 1000 };
  const changes = await openChanges(await connect(config, context), config, context, {
    ...{ pipeline, streams: followed, limits },
    ...(after && { after }),
  });
  let staged: Change[] = [];
  for await (const batch of changes) {
    if (batch.kind === 'changes') staged.push(...batch.changes);
    if (!('checkpoint' in batch) || !batch.checkpoint) continue;
    const rows = staged.map((change) => ('after' in change ? change.after : []));
    appendFileSync(journal, `${JSON.stringify({ rows, checkpoint: batch.checkpoint })}\n`);
    staged = [];
    changes.confirm(batch.checkpoint);
  }
}
void main(JSON.parse(process.argv[2]!) as Order).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
