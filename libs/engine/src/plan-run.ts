/** From what a source offers and what a pipeline selected to the lanes of a run. Pure: no session is touched. */
import {
  ConfigError,
  codes,
  parsePath,
  type ReadMode,
  type Stream,
  type StreamRequest,
  type Target,
  type WriteMode,
} from '@sluice/connector-sdk';
import { chooseCursor } from './choose-cursor.js';
import type { LaneMode, LanePlan, Refusal, RunPlan } from './lane-plan.js';

/** Pipeline x stream. What is absent is chosen from the stream. */
export interface StreamBinding {
  /** A stream's id, or the last part of its path where that is unambiguous. */
  readonly stream: string;
  readonly cursor?: string;
  readonly key?: readonly string[];
  /** 'orders' or 'sales.orders', in the spelling of `streamId`. */
  readonly targetTable?: string;
  readonly columns?: readonly string[];
}
export interface PlanInput {
  readonly pipelineId: string;
  readonly mode: LaneMode;
  /** What the source offers. */
  readonly streams: readonly Stream[];
  /** null: all of them. */
  readonly bindings: readonly StreamBinding[] | null;
  /** What the destination can do. */
  readonly writeModes: readonly WriteMode[];
}

/** Never throws for one stream: what cannot be planned is refused by name, with what to do, and the others go on. */
export function planRun(input: PlanInput): RunPlan {
  const lanes: LanePlan[] = [];
  const refused: Refusal[] = [];
  const bindings = input.bindings ?? input.streams.map(({ id }) => ({ stream: id }));
  for (const binding of bindings) {
    try {
      lanes.push(planLane(input, binding));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      refused.push({ stream: binding.stream, error });
    }
  }
  return withoutClashes({ lanes, refused });
}

function planLane({ pipelineId, mode, streams, writeModes }: PlanInput, binding: StreamBinding): LanePlan {
  const offered = findStream(streams, binding.stream);
  const read: ReadMode = mode === 'full' ? 'full' : 'cursor';
  if (!offered.modes.includes(read)) throw unreadable(offered, read);
  const stream = reduce(offered, binding);
  const request: StreamRequest =
    read === 'full' ? { stream, mode: read } : { stream, mode: read, cursor: chooseCursor(stream, binding.cursor) };
  const target = chooseTarget(stream, binding, read);
  if (!writeModes.includes(target.mode)) {
    throw new ConfigError(
      `the destination cannot write ${stream.id} in mode ${target.mode}, only ${writeModes.join(', ')}`,
      {
        code: codes.unsupported,
        path: [stream.id],
      },
    );
  }
  return { id: `${pipelineId}/${mode}/${stream.id}`, request, target };
}

function findStream(streams: readonly Stream[], name: string): Stream {
  const exact = streams.find(({ id }) => id === name);
  const alike = exact === undefined ? streams.filter(({ path }) => path.at(-1) === name) : [exact];
  if (alike.length === 1) return alike[0]!;
  const several = alike.length > 1;
  const choices = (several ? alike : streams).slice(0, 10).map(({ id }) => id);
  const more = streams.length > choices.length && !several ? ', ...' : '';
  throw new ConfigError(several ? `${name} could be ${choices.join(' or ')}` : `the source offers no stream ${name}`, {
    code: codes.noSuchStream,
    path: [name],
    fix: choices.length === 0 ? 'discover the source again' : `name one of: ${choices.join(', ')}${more}`,
  });
}

function unreadable({ id, kind, modes }: Stream, mode: ReadMode): ConfigError {
  const what = kind === 'view' ? 'the view' : 'the stream';
  const offers = modes.length === 0 ? 'no mode at all' : `only ${modes.join(', ')}`;
  const fix = modes.length === 0 ? `leave ${id} out` : `choose a mode that ${id} can be read in`;
  return new ConfigError(`${what} ${id} cannot be read in mode ${mode}; it offers ${offers}`, {
    code: codes.unsupported,
    path: [id],
    fix,
  });
}

/** The stream with the selected columns, in the source's order, and with the key that the pipeline goes by. */
function reduce(stream: Stream, { columns: selected, key: asked }: StreamBinding): Stream {
  const names = new Set(stream.columns.map(({ name }) => name));
  for (const name of [...(selected ?? []), ...(asked ?? [])]) if (!names.has(name)) throw noColumn(stream, name);
  if (selected?.length === 0)
    throw new ConfigError(`no column of ${stream.id} is selected`, { path: [stream.id, 'columns'] });
  const taken = selected === undefined ? names : new Set(selected);
  const missing = asked?.find((name) => !taken.has(name));
  if (missing !== undefined) {
    throw new ConfigError(`the key of ${stream.id} names ${missing}, which is not among its selected columns`, {
      path: [stream.id, 'columns'],
      fix: `add ${missing} to columns`,
    });
  }
  const key = asked ?? (stream.key.every((name) => taken.has(name)) ? stream.key : []);
  return {
    ...stream,
    columns: stream.columns.filter(({ name }) => taken.has(name)),
    cursors: stream.cursors.filter((name) => taken.has(name)),
    key,
  };
}

function noColumn({ id, columns }: Stream, name: string): ConfigError {
  return new ConfigError(`${id} has no column ${name}`, {
    path: [id, 'columns'],
    fix: `name some of: ${columns.map((column) => column.name).join(', ')}`,
  });
}

/** Checkpoints and fences are kept in such tables: one that is written over says of every pipeline what its writer likes. (Invariant 4) */
const ours = /^_sluice_/i;

function chooseTarget(stream: Stream, { targetTable }: StreamBinding, read: ReadMode): Target {
  const incremental: WriteMode = stream.key.length > 0 ? 'upsert' : 'append';
  const table = targetTable === undefined ? [stream.path.at(-1)!] : tableOf(stream, targetTable);
  if (ours.test(table.at(-1) ?? ''))
    throw new ConfigError(`${stream.id} would go to ${table.join('.')}, a name that Sluice keeps for itself`, {
      path: [stream.id, 'targetTable'],
      fix: 'set targetTable to a name that does not begin with _sluice_',
    });
  return {
    table,
    mode: read === 'full' ? 'replace' : incremental,
    key: stream.key,
  };
}

function tableOf({ id }: Stream, targetTable: string): readonly string[] {
  try {
    return parsePath(targetTable);
  } catch (cause) {
    throw new ConfigError(`${JSON.stringify(targetTable)} is not the name of a table`, {
      cause,
      path: [id, 'targetTable'],
      fix: 'write orders or sales.orders, and a part with a dot in double quotes',
    });
  }
}

/** Two streams that go to one table would overwrite each other: both are refused. */
function withoutClashes({ lanes, refused }: RunPlan): RunPlan {
  const byTable = new Map<string, LanePlan[]>();
  for (const lane of lanes) {
    const table = JSON.stringify(lane.target.table);
    byTable.set(table, [...(byTable.get(table) ?? []), lane]);
  }
  const clashes = [...byTable.values()].filter((group) => group.length > 1);
  const clashing = new Set(clashes.flat());
  return {
    lanes: lanes.filter((lane) => !clashing.has(lane)),
    refused: [...refused, ...clashes.flatMap((group) => group.map((lane) => clash(lane, group)))],
  };
}

function clash({ request: { stream }, target }: LanePlan, group: readonly LanePlan[]): Refusal {
  const others = group.map(({ request }) => request.stream.id).filter((id) => id !== stream.id);
  const names = others.length === 0 ? `${stream.id}, selected twice,` : `${stream.id} and ${others.join(', ')}`;
  const error = new ConfigError(`${names} would all go to the table ${target.table.join('.')}`, {
    path: [stream.id, 'targetTable'],
    fix: 'set targetTable for all but one of them',
  });
  return { stream: stream.id, error };
}
