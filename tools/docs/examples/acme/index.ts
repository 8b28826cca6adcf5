import { z } from 'zod';
import { ConfigError, DataError, LostPositionError, codes, defineSource } from '@sluice/connector-sdk';
import type { Batch, Checkpoint, Stream, StreamRequest, Value } from '@sluice/connector-sdk';
import { type Contact, contacts, lastId } from './acme-client.js';

const stream: Stream = {
  id: 'contacts',
  path: ['contacts'],
  key: ['id'],
  modes: ['full', 'cursor'],
  cursors: ['id'],
  columns: [
    { name: 'id', type: 'int64', nullable: false, native: 'integer' },
    { name: 'email', type: 'string', nullable: true, native: 'string' },
    { name: 'updated_at', type: 'timestamptz', nullable: false, native: 'date-time' },
  ],
};
/** How each column is read from a contact, in the forms of docs/encodings/rows.md. */
const columns: Readonly<Record<string, (contact: Contact) => Value>> = {
  id: ({ id }) => id,
  email: ({ email }) => email,
  updated_at: ({ updatedAt }) => updatedAt.replace('T', ' ').replace(/\.?0*Z$/, 'Z'),
};

const text = (title: string, description: string) => z.string().min(1).meta({ title, description });
const config = z.strictObject({
  url: text('Address', 'Address of your Acme account.'),
  apiKey: text('API key', 'Your key from Settings, API.').meta({ writeOnly: true }),
  pageSize: z.int().min(1).max(1000).default(500).meta({ title: 'Page size', description: 'Contacts per request.' }),
});

const source = defineSource({
  id: 'acme',
  title: 'Acme CRM',
  config,
  can: { modes: ['full', 'cursor'], encodings: [], split: false },
  open: async (options, { signal }) => {
    /** An abort ends the read quietly, and is no error. */
    const unlessAborted = <T>(work: Promise<T>): Promise<T | undefined> =>
      work.catch((error: unknown) => {
        if (!signal.aborted) throw error;
        return undefined;
      });
    await lastId(options, signal); // a wrong key is said here, not in the middle of a run
    return {
      check: async () => [],
      discover: async (only) => (only?.includes(stream.id) === false ? [] : [stream]),

      async *read([request], after): AsyncGenerator<Batch> {
        const { selected, mode } = accepted(request, after);
        // The upper bound is fixed when the read starts, and kept in its checkpoints: what comes later is for the next read.
        const until = Number(after?.['until'] ?? (await unlessAborted(lastId(options, signal))));
        let id = Number(after?.['id'] ?? 0);
        while (!signal.aborted && id < until) {
          const page = await unlessAborted(contacts(options, id, until, signal));
          if (!page) return;
          id = page.at(-1)?.id ?? until;
          const rows = page.map((contact) => selected.map((read) => read(contact)));
          const done = mode === 'cursor' && id >= until;
          yield { kind: 'rows', stream: stream.id, rows, checkpoint: done ? { v: 1, id } : { v: 1, id, until } };
        }
        // No id in this one: the full read after it starts anew.
        if (mode === 'full' && !signal.aborted) yield { kind: 'complete', stream: stream.id, checkpoint: { v: 1 } };
      },

      [Symbol.asyncDispose]: async () => {},
    };
  },
});

/** What the source claims is all it does: the rest is refused, before the first batch. */
function accepted(request: StreamRequest | undefined, after: Checkpoint | undefined) {
  if (request?.stream.id !== stream.id) {
    throw new DataError(`there is no stream '${request?.stream.id}'`, {
      code: codes.noSuchStream,
      stream: request?.stream.id ?? '',
    });
  }
  const { mode, encoding } = request;
  if (mode === 'changes' || encoding)
    throw new ConfigError(`Acme has no ${encoding ?? mode}`, { code: codes.unsupported });
  if (after && after.v !== 1)
    throw new LostPositionError('this checkpoint is not ours', `version ${after.v}`, 'version 1');
  return { mode, selected: request.stream.columns.map(({ name }) => columns[name]!) };
}

export default source;
