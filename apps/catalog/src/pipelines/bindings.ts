/** Checks a pipeline's bindings against what its source offers. Every message says which stream, what is wrong, what to do. */
import { parsePath, streamId, type ReadMode } from '@sluice/connector-sdk';
import { invalid, type Binding, type Stream, type SyncMode } from '@sluice/messages';

/** A pipeline's mode in the words of the connector contract. */
export const readModes: Readonly<Record<SyncMode, ReadMode>> = {
  full: 'full',
  incremental: 'cursor',
  changes: 'changes',
};

/** `offered`: the streams of these names that the source has. Throws 'invalid'. */
export function checkBindings(mode: SyncMode, bindings: readonly Binding[], offered: readonly Stream[]): void {
  if (bindings.length === 0)
    throw invalid('no-streams', 'no stream is selected', { fix: 'select one, or send null for all' });
  const chosen = bindings.map((binding) => ({ binding, stream: findStream(binding.stream, offered) }));
  for (const { binding, stream } of chosen) checkBinding(mode, binding, stream);
  refuseDoubles(chosen);
}
interface Chosen {
  readonly binding: Binding;
  readonly stream: Stream;
}

/** By its id, or by the last part of its name where that is clear. */
function findStream(name: string, offered: readonly Stream[]): Stream {
  const exact = offered.filter(({ id }) => id === name);
  const [stream, ...others] = exact.length > 0 ? exact : offered.filter(({ path }) => path.at(-1) === name);
  if (!stream)
    throw invalid('no-such-stream', `the source offers no stream "${name}"`, {
      fix: 'use a name from the last discovery, or discover again',
      details: { stream: name },
    });
  if (others.length > 0)
    throw invalid('stream-ambiguous', `"${name}" could be ${list([stream, ...others].map(({ id }) => id))}`, {
      fix: 'use the full name',
      details: { stream: name },
    });
  return stream;
}

/** All streams are selected: at least one must fit the mode; a run tells of those that do not. */
export function checkOffer(mode: SyncMode, { streams, fitting }: { streams: number; fitting: number }): void {
  if (streams === 0)
    throw invalid('no-streams', 'the source offers no streams', {
      fix: 'check its database, schema and permissions, then discover again',
    });
  if (fitting === 0)
    throw invalid('mode-unsupported', `no stream of the source can be read in mode '${mode}'`, {
      fix: "use mode 'full'",
    });
}

function checkBinding(mode: SyncMode, binding: Binding, stream: Stream): void {
  const columns = new Set(stream.columns.map(({ name }) => name));
  checkColumns(binding, columns);
  if (binding.targetTable !== undefined) checkTable(stream.id, binding.targetTable);
  checkCursor(mode, binding, stream);
}

function checkColumns({ stream, columns, key, cursor }: Binding, known: ReadonlySet<string>): void {
  if (columns?.length === 0)
    throw invalid('no-columns', `no column of "${stream}" is selected`, { fix: 'select one, or leave "columns" out' });
  for (const [what, names] of [
    ['column', columns ?? []],
    ['key column', key ?? []],
  ] as const) {
    const unknown = names.find((name) => !known.has(name));
    if (unknown !== undefined)
      throw invalid('no-such-column', `"${stream}" has no ${what} "${unknown}"`, {
        fix: `its columns are: ${list([...known])}`,
        details: { stream },
      });
    if (new Set(names).size < names.length)
      throw invalid('column-twice', `a ${what} of "${stream}" is named twice`, { details: { stream } });
  }
  const left =
    columns && [...(key ?? []), ...(cursor === undefined ? [] : [cursor])].find((name) => !columns.includes(name));
  if (left !== undefined)
    throw invalid('column-needed', `"${stream}" needs its column "${left}", which is not selected`, {
      fix: `add "${left}" to "columns"`,
      details: { stream },
    });
}

function checkCursor(mode: SyncMode, { stream: id, cursor, key }: Binding, stream: Stream): void {
  if (cursor !== undefined && !stream.cursors.includes(cursor))
    throw invalid('cursor-unfit', `"${cursor}" cannot be the cursor of "${id}"`, {
      fix: cursorFix(stream),
      details: { stream: id },
    });
  if (!stream.modes.includes(readModes[mode]))
    throw invalid('mode-unsupported', `"${id}" cannot be read in mode '${mode}'`, {
      fix:
        mode === 'incremental' ? cursorFix(stream) : `it can be read in mode: ${stream.modes.map(syncMode).join(', ')}`,
      details: { stream: id },
    });
  if (mode === 'incremental' && stream.cursors.length === 0)
    throw invalid('cursor-missing', `"${id}" has no column that can be a cursor`, {
      fix: "use mode 'full' for it",
      details: { stream: id },
    });
  // Without a key an incremental load appends; a change can only find its row by one.
  if (mode === 'changes' && (key ?? stream.key).length === 0)
    throw invalid('key-missing', `"${id}" has no key, so its rows cannot be updated in place`, {
      fix: `name columns that are unique together in "key", or use mode 'full'`,
      details: { stream: id },
    });
}
const cursorFix = ({ cursors }: Stream): string =>
  cursors.length === 0 ? "it has no column that can be a cursor; use mode 'full'" : `use one of: ${list(cursors)}`;
const syncMode = (mode: ReadMode): string => Object.entries(readModes).find(([, read]) => read === mode)?.[0] ?? mode;

function checkTable(stream: string, table: string): void {
  let path: readonly string[];
  try {
    path = parsePath(table);
  } catch (cause) {
    throw invalid('target-invalid', `"${table}" is not a table name`, {
      fix: `write 'orders' or 'sales.orders'`,
      details: { stream },
      cause,
    });
  }
  if (path.length > 2)
    throw invalid('target-invalid', `"${table}" has more than two parts`, {
      fix: `write 'orders' or 'sales.orders'`,
      details: { stream },
    });
  // The engine refuses it too; said here, it is heard before anything runs.
  if (/^_sluice_/i.test(path.at(-1) ?? ''))
    throw invalid('target-invalid', `"${table}" is a name that Sluice keeps for itself`, {
      fix: 'choose one that does not begin with _sluice_',
      details: { stream },
    });
}

function refuseDoubles(chosen: readonly Chosen[]): void {
  const [streams, targets] = [new Set<string>(), new Map<string, string>()];
  for (const { binding, stream } of chosen) {
    const details = { stream: stream.id };
    if (streams.has(stream.id)) throw invalid('stream-twice', `"${stream.id}" is selected twice`, { details });
    streams.add(stream.id);
    // A stream without a target goes to the table of its own name, whatever its schema.
    const target = streamId(binding.targetTable === undefined ? stream.path.slice(-1) : parsePath(binding.targetTable));
    const other = targets.get(target);
    if (other !== undefined)
      throw invalid('target-twice', `"${other}" and "${stream.id}" would both be written to "${target}"`, {
        fix: 'give one of them another "targetTable"',
        details,
      });
    targets.set(target, stream.id);
  }
}
const list = (names: readonly string[]): string =>
  names
    .slice(0, 20)
    .map((name) => `"${name}"`)
    .join(', ') + (names.length > 20 ? ', ...' : '');
