/** What can be done with pipelines, short of running them. */
import { randomUUID } from 'node:crypto';
import {
  ServiceError,
  conflict,
  invalid,
  scheduleChanged,
  type Actor,
  type Answer,
  type Binding,
  type PipelineOptions,
  type PipelineView,
  type Request,
  type Schedule,
  type SyncMode,
} from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { record } from '../audit.js';
import type { Connectors } from '../connectors/connectors.js';
import type { Database } from '../database/database.js';
import { pipelineTable, type EndpointRow, type PipelineRow } from '../database/entities.js';
import { orderDrops } from '../drops/drop-orders.js';
import type { Drops } from '../drops/drops.js';
import { ensureTenant, getEndpoint, noEndpoint } from '../endpoints/endpoint-repository.js';
import type { Probes } from '../probes/probe-service.js';
import { streamsNamed, surveyStreams } from '../probes/stream-repository.js';
import { nameOf, refuseUnstorableText } from '../requests.js';
import { checkBindings, checkOffer, readModes } from './bindings.js';
import {
  getPipeline,
  hasActiveRun,
  holdEndpoint,
  listPipelines,
  lockPipeline,
  pipelineView,
} from './pipeline-repository.js';
import { checkOptions } from './options.js';
import { resetPipeline } from './reset-pipeline.js';
import { checkSchedule } from './schedule.js';
import { refuseTakenTargets } from './target-clash.js';

export interface PipelineDeps {
  readonly db: Database;
  readonly connectors: Connectors;
  readonly probes: Pick<Probes, 'discover'>;
  readonly drops: Pick<Drops, 'kick'>;
  /** Core NATS: tells the scheduler that a schedule changed. */
  publish(subject: string): void;
}
type Serve<S extends 'create' | 'get' | 'list' | 'update' | 'delete' | 'reset'> = (
  request: Request<`catalog.pipelines.${S}`>,
) => Promise<Answer<`catalog.pipelines.${S}`>>;
export interface Pipelines {
  readonly create: Serve<'create'>;
  readonly get: Serve<'get'>;
  readonly list: Serve<'list'>;
  readonly update: Serve<'update'>;
  readonly remove: Serve<'delete'>;
  readonly reset: Serve<'reset'>;
}

export const pipelineService = (deps: PipelineDeps): Pipelines => ({
  create: (request) => create(deps, request),
  get: (where) => deps.db.run(async (em) => pipelineView(await getPipeline(em, where))),
  list: (scope) => deps.db.run(async (em) => (await listPipelines(em, scope)).map(pipelineView)),
  update: (request) => update(deps, request),
  remove: (request) => remove(deps, request),
  reset: (request) => resetPipeline(deps.db, request),
});

/** What a pipeline is to be, with nothing left to default. */
interface Wanted {
  readonly tenantId: string;
  readonly name: string;
  readonly sourceId: string;
  readonly destinationId: string | null;
  readonly destinationType: string;
  readonly mode: SyncMode;
  readonly schedule: Schedule | null;
  readonly bindings: readonly Binding[] | null;
  readonly options: PipelineOptions;
}

async function create(deps: PipelineDeps, request: Request<'catalog.pipelines.create'>): Promise<PipelineView> {
  const { tenantId, actor } = request;
  refuseUnstorableText(request);
  const wanted: Wanted = {
    tenantId,
    name: nameOf(request.name, 'the name of the pipeline'),
    sourceId: request.sourceId,
    destinationId: request.destinationId ?? null,
    destinationType: request.destinationType ?? 'iceberg',
    mode: request.mode,
    schedule: request.schedule ?? null,
    bindings: request.bindings ?? null,
    options: request.options ?? {},
  };
  await check(deps, wanted, actor);
  const id = randomUUID();
  const view = await deps.db.transaction(async (em) => {
    await ensureTenant(em, { tenantId });
    await holdEnds(em, wanted);
    await refuseTakenName(em, wanted);
    await refuseClash(deps, em, wanted, null);
    await em.query(
      `INSERT INTO pipeline (id, tenant_id, name, source_id, destination_id, destination_type, mode, schedule, bindings, options)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [id, ...parametersOf(wanted)],
    );
    const created = pipelineView(await getPipeline(em, { tenantId, id }));
    await record(em, { tenantId, actor, action: 'pipeline.created', subjectId: id, after: created });
    return created;
  });
  if (view.schedule) deps.publish(scheduleChanged);
  return view;
}

/** What is left out stays as it is. */
async function update(deps: PipelineDeps, request: Request<'catalog.pipelines.update'>): Promise<PipelineView> {
  const { tenantId, id, actor } = request;
  refuseUnstorableText(request);
  const known = await deps.db.run((em) => getPipeline(em, { tenantId, id }));
  const wanted: Wanted = {
    tenantId,
    name: nameOf(request.name, 'the name of the pipeline'),
    sourceId: request.sourceId,
    destinationId: request.destinationId === undefined ? known.destinationId : request.destinationId,
    destinationType: request.destinationType ?? known.destinationType,
    mode: request.mode,
    schedule: request.schedule === undefined ? known.schedule : request.schedule,
    bindings: request.bindings === undefined ? known.bindings : request.bindings,
    options: request.options ?? known.options,
  };
  await check(deps, wanted, actor);
  const [before, after] = await deps.db.transaction(async (em) => {
    const row = await lockPipeline(em, { tenantId, id });
    const old = pipelineView(await getPipeline(em, { tenantId, id }));
    await holdEnds(em, wanted);
    if (wanted.name !== row.name) await refuseTakenName(em, wanted);
    await refuseClash(deps, em, wanted, id);
    await write(em, row, wanted);
    const view = pipelineView(await getPipeline(em, { tenantId, id }));
    await record(em, { tenantId, actor, action: 'pipeline.updated', subjectId: id, before: old, after: view });
    return [old, view] as const;
  });
  if (!same(before.schedule, after.schedule)) deps.publish(scheduleChanged);
  return after;
}

/** Another source, destination or mode makes positions of before meaningless: a new generation starts from nothing. */
async function write(em: EntityManager, row: PipelineRow, wanted: Wanted): Promise<void> {
  const rescheduled = !same(row.schedule, wanted.schedule);
  const restarts =
    row.sourceId !== wanted.sourceId || row.destinationId !== wanted.destinationId || row.mode !== wanted.mode;
  await em.query(
    `UPDATE pipeline SET name = $3, source_id = $4, destination_id = $5, destination_type = $6, mode = $7, schedule = $8,
       bindings = $9, options = $10, updated_at = now(), generation = generation + $11,
       schedule_since = CASE WHEN $12 THEN now() ELSE schedule_since END,
       last_due_at = CASE WHEN $12 THEN NULL ELSE last_due_at END,
       next_run_at = CASE WHEN $12 THEN NULL ELSE next_run_at END
     WHERE id = $1 AND tenant_id = $2`,
    [row.id, ...parametersOf(wanted), restarts ? 1 : 0, rescheduled],
  );
}
const jsonOf = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));
const parametersOf = (wanted: Wanted): unknown[] => [
  wanted.tenantId,
  wanted.name,
  wanted.sourceId,
  wanted.destinationId,
  wanted.destinationType,
  wanted.mode,
  jsonOf(wanted.schedule),
  jsonOf(wanted.bindings),
  jsonOf(wanted.options),
];
const same = (a: Schedule | null, b: Schedule | null): boolean =>
  a?.kind === b?.kind && a?.cron === b?.cron && (a?.timezone ?? 'UTC') === (b?.timezone ?? 'UTC');

async function remove(deps: PipelineDeps, { tenantId, id, actor }: Request<'catalog.pipelines.delete'>): Promise<null> {
  await deps.db.transaction(async (em) => {
    const row = await lockPipeline(em, { tenantId, id });
    const before = pipelineView(await getPipeline(em, { tenantId, id }));
    if (await hasActiveRun(em, { tenantId, id }))
      throw conflict('run-active', 'a run of this pipeline is active', { fix: 'cancel it first' });
    await orderDrops(em, row);
    await em.delete(pipelineTable, { tenantId, id });
    await record(em, { tenantId, actor, action: 'pipeline.deleted', subjectId: id, before });
  });
  deps.publish(scheduleChanged);
  deps.drops.kick();
  return null;
}

async function check(deps: PipelineDeps, wanted: Wanted, actor: Actor): Promise<void> {
  const { tenantId, sourceId, destinationId, mode } = wanted;
  checkSchedule(wanted.schedule);
  checkOptions(wanted.options);
  const source = await deps.db.run((em) => getEndpoint(em, { tenantId, id: sourceId }, 'source'));
  if (destinationId !== null)
    await deps.db.run((em) => getEndpoint(em, { tenantId, id: destinationId }, 'destination'));
  const { modes } = await deps.connectors.find('source', source.connectorType);
  if (!Object.hasOwn(readModes, mode) || !modes.includes(readModes[mode]))
    throw invalid('mode-unsupported', `the ${source.connectorType} connector does not read in mode '${mode}'`, {
      fix: `use one of: ${Object.entries(readModes)
        .flatMap(([name, read]) => (modes.includes(read) ? [name] : []))
        .join(', ')}`,
    });
  await checkStreams(deps, source, wanted, actor);
}

/** A refusal may rest on a discovery that is out of date: the source is asked again before it is passed on. */
async function checkStreams(deps: PipelineDeps, source: EndpointRow, wanted: Wanted, actor: Actor): Promise<void> {
  const known = source.discoveryId;
  if (known === null) return checkAgainst(deps, source, wanted, await discoverNow(deps, source, actor));
  try {
    await checkAgainst(deps, source, wanted, known);
  } catch (error) {
    if (!(error instanceof ServiceError) || error.kind !== 'invalid') throw error;
    await checkAgainst(deps, source, wanted, await discoverNow(deps, source, actor));
  }
}

async function checkAgainst(
  { db }: PipelineDeps,
  { tenantId, id: endpointId }: EndpointRow,
  { mode, bindings }: Wanted,
  discoveryId: string,
): Promise<void> {
  const discovery = { tenantId, endpointId, discoveryId };
  await db.run(async (em) => {
    if (bindings === null) return checkOffer(mode, await surveyStreams(em, discovery, readModes[mode]));
    const names = bindings.map(({ stream }) => stream);
    checkBindings(mode, bindings, await streamsNamed(em, discovery, names));
  });
}

/** Asks the source what it offers, and passes on why when that fails. */
async function discoverNow(deps: PipelineDeps, { tenantId, id }: EndpointRow, actor: Actor): Promise<string> {
  try {
    await deps.probes.discover({ tenantId, id, actor });
  } catch (error) {
    if (!(error instanceof ServiceError) || error.kind === 'internal') throw error;
    const message = `the streams of the source could not be discovered: ${error.failure.message}`;
    throw new ServiceError({ ...error.failure, message }, error);
  }
  const { discoveryId } = await deps.db.run((em) => getEndpoint(em, { tenantId, id }, 'source'));
  if (discoveryId === null)
    throw conflict('changed-meanwhile', 'the source was changed meanwhile', { fix: 'try again' });
  return discoveryId;
}

async function holdEnds(em: EntityManager, { tenantId, sourceId, destinationId }: Wanted): Promise<void> {
  if (!(await holdEndpoint(em, { tenantId, id: sourceId }, 'source'))) throw noEndpoint('source');
  if (destinationId !== null && !(await holdEndpoint(em, { tenantId, id: destinationId }, 'destination')))
    throw noEndpoint('destination');
}

async function refuseClash(
  { connectors }: PipelineDeps,
  em: EntityManager,
  { tenantId, destinationId, bindings }: Wanted,
  id: string | null,
): Promise<void> {
  if (destinationId === null) return;
  const destination = await getEndpoint(em, { tenantId, id: destinationId }, 'destination');
  const connector = await connectors.find('destination', destination.connectorType);
  await refuseTakenTargets(em, { tenantId, id, bindings }, destination, connector);
}

async function refuseTakenName(em: EntityManager, { tenantId, name }: Wanted): Promise<void> {
  if (await em.existsBy(pipelineTable, { tenantId, name }))
    throw conflict('name-taken', `a pipeline named "${name}" exists already`, { fix: 'choose another name' });
}
