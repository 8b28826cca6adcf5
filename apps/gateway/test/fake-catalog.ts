/** A strict catalog and scheduler in memory, on a real bus: it refuses whatever the message types do not allow. */
import { createHash, randomUUID } from 'node:crypto';
import { failureOf } from '@sluice/service';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import {
  conflict,
  invalid,
  notFound,
  ServiceError,
  type Answer,
  type ConnectorView,
  type EndpointView,
  type Permission,
  type PipelineView,
  type Principal,
  type Reply,
  type Request,
  type RunStreamView,
  type RunView,
  type Stream,
  type Subject,
} from '@sluice/messages';

type Handlers = { [S in Subject]?: (request: Request<S>) => Answer<S> | Promise<Answer<S>> };
type Mutable<T> = { -readonly [K in keyof T]: T[K] };
interface Key {
  readonly id: string;
  readonly tenantId: string;
  readonly hash: string;
  readonly name: string;
  readonly prefix: string;
  readonly permissions: readonly Permission[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  revokedAt: string | null;
}

/** Keys a request may and must have, by subject; '?' marks what may be absent. */
const shapes: Partial<Record<Subject, string>> = {
  'catalog.connectors.list': '',
  'catalog.connectors.refused': '',
  'catalog.endpoints.create': 'tenantId actor role name description? connectorType config',
  'catalog.endpoints.getMany': 'role keys',
  'catalog.endpoints.list': 'tenantId role',
  'catalog.endpoints.update': 'tenantId actor role id name? description? connectorType? config?',
  'catalog.endpoints.delete': 'tenantId actor role id',
  'catalog.endpoints.test': 'tenantId actor role id',
  'catalog.endpoints.discover': 'tenantId actor id',
  'catalog.streams.list': 'tenantId id after? only?',
  'catalog.pipelines.create':
    'tenantId actor name sourceId destinationId? destinationType? mode schedule? bindings? options?',
  'catalog.pipelines.get': 'tenantId id',
  'catalog.pipelines.list': 'tenantId',
  'catalog.pipelines.update':
    'tenantId actor id name sourceId destinationId? destinationType? mode schedule? bindings? options?',
  'catalog.pipelines.delete': 'tenantId actor id',
  'catalog.pipelines.reset': 'tenantId actor id',
  'scheduler.runs.trigger': 'tenantId actor id',
  'catalog.runs.get': 'tenantId id',
  'catalog.runs.streams': 'tenantId id',
  'catalog.runs.list': 'tenantId pipelineId? page size sort descending',
  'catalog.runs.cancel': 'tenantId actor id reason?',
  'catalog.keys.verify': 'hash',
  'catalog.keys.create': 'tenantId actor name permissions expiresAt?',
  'catalog.keys.list': 'tenantId',
  'catalog.keys.revoke': 'tenantId actor id',
};

const connectors: readonly ConnectorView[] = (['postgres', 'mysql'] as const).flatMap((type) =>
  (['source', 'destination'] as const).map((role) => ({
    type,
    pluginId: type,
    role,
    title: type === 'mysql' ? 'MySQL' : 'PostgreSQL',
    variants: type === 'mysql' ? [{ type: 'mariadb', title: 'MariaDB', description: 'MariaDB 10.6 and newer.' }] : [],
    capabilities: { modes: ['full', 'cursor'] },
    configSchema: { type: 'object', required: ['host'], properties: { host: { type: 'string' } } },
  })),
);

export class FakeCatalog implements AsyncDisposable {
  /** The moment that new things are made at. */
  now = '2024-03-15T10:00:00.000Z';
  readonly endpoints = new Map<string, Mutable<EndpointView>>();
  readonly configs = new Map<string, unknown>();
  readonly pipelines = new Map<string, Mutable<PipelineView>>();
  readonly runs = new Map<string, Mutable<RunView>>();
  /** Failed attempts of which it is not decided yet whether another one follows. */
  readonly unsettled = new Set<string>();
  readonly runStreams = new Map<string, readonly RunStreamView[]>();
  readonly keys = new Map<string, Key>();
  streams: readonly Stream[] = [];
  /** Plugins that cannot be used, in sentences. */
  refused: readonly string[] = [];
  /** What the next test of an endpoint finds. */
  findings: EndpointView['findings'] = [];
  /** What was asked, in order. */
  readonly asked: { readonly subject: string; readonly data: unknown }[] = [];
  /** What was asked in a way that the message types do not allow; a test run with any has failed. */
  readonly problems: string[] = [];
  /** Set to make a subject fail. */
  readonly failing = new Map<string, Error>();
  /** Set to delay answers, in ms. */
  delay = 0;
  readonly #subscriptions: Subscription[] = [];

  static async start(nats: NatsConnection, prefix: string): Promise<FakeCatalog> {
    const fake = new FakeCatalog();
    for (const service of ['catalog', 'scheduler'])
      fake.#subscriptions.push(
        nats.subscribe(`${prefix}${service}.>`, { callback: (_, message) => void fake.#answer(message, prefix) }),
      );
    await nats.flush();
    return fake;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  count(subject: Subject): number {
    return this.asked.filter((one) => one.subject === subject).length;
  }

  async #answer(message: Msg, prefix: string): Promise<void> {
    const subject = message.subject.slice(prefix.length) as Subject;
    const packet = message.json<{ pattern: string; data: Request<Subject>; id: string }>();
    this.asked.push({ subject, data: packet.data });
    const response = await this.#reply(subject, packet.data);
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay));
    message.respond(JSON.stringify({ response, isDisposed: true, id: packet.id }));
  }

  async #reply(subject: Subject, data: Request<Subject>): Promise<Reply<unknown>> {
    try {
      const failure = this.failing.get(subject);
      if (failure) throw failure;
      checkShape(subject, data);
      const handler = this.#handlers[subject] as ((request: unknown) => unknown) | undefined;
      if (handler === undefined) throw new Error(`the fake does not serve ${subject}`);
      return { ok: true, value: (await handler(data)) ?? null };
    } catch (error) {
      if (error instanceof ServiceError) return { ok: false, failure: error.failure };
      if (error !== this.failing.get(subject)) this.problems.push(String(error));
      return { ok: false, failure: failureOf(error) };
    }
  }

  #owned<T extends { tenantId: string }>(map: Map<string, T>, what: string, tenantId: string, id: string): T {
    const found = map.get(id);
    if (found === undefined || found.tenantId !== tenantId) throw notFound('no-such', `${what} not found`);
    return found;
  }
  #endpoint(role: EndpointView['role'], tenantId: string, id: string): Mutable<EndpointView> {
    const what = role === 'source' ? 'Source' : 'Destination';
    const found = this.#owned(this.endpoints, what, tenantId, id);
    if (found.role !== role) throw notFound('no-such', `${what} not found`);
    return found;
  }
  #uniqueName(
    all: Iterable<{ id: string; tenantId: string; name: string; role?: string }>,
    wanted: { id?: string; tenantId: string; name: string; role?: string },
  ): void {
    for (const one of all)
      if (
        one.id !== wanted.id &&
        one.tenantId === wanted.tenantId &&
        one.name === wanted.name &&
        one.role === wanted.role
      )
        throw conflict(
          'name-taken',
          `${wanted.role ?? 'connection'} named ${JSON.stringify(wanted.name)} exists already`,
        );
  }

  #pipeline(
    request: Request<'catalog.pipelines.create'>,
  ): Omit<PipelineView, 'id' | 'status' | 'lastSyncAt' | 'nextRunAt' | 'createdAt' | 'updatedAt'> {
    const { tenantId, name, sourceId, mode, bindings = null, destinationId = null } = request;
    const source = this.#endpoint('source', tenantId, sourceId);
    if (destinationId !== null) this.#endpoint('destination', tenantId, destinationId);
    for (const { stream } of bindings ?? []) {
      const found = this.streams.find(({ id }) => id === stream);
      if (!found) throw invalid('no-such-stream', `the source has no stream ${JSON.stringify(stream)}`);
      const needed = ({ full: 'full', incremental: 'cursor', changes: 'changes' } as const)[mode];
      if (!found.modes.includes(needed))
        throw invalid('mode-unsupported', `stream ${stream} cannot be synced in this mode`);
    }
    const { destinationType = 'iceberg', schedule = null, options = {} } = request;
    return {
      tenantId,
      name,
      sourceId,
      sourceName: source.name,
      destinationId,
      destinationType,
      mode,
      schedule,
      bindings,
      options,
    };
  }

  #chain(first: RunView): RunView[] {
    const next = first.nextId === null ? undefined : this.runs.get(first.nextId);
    return next === undefined ? [first] : [first, ...this.#chain(next)];
  }
  /** The first attempt is shown as its chain stands; counts are always the chain's sums. */
  #shown(run: RunView): RunView {
    const chain = this.#chain(this.runs.get(run.rootId) ?? run);
    const sum = (of: (one: RunView) => number): number => chain.reduce((total, one) => total + of(one), 0);
    const counts = {
      rowsRead: sum((one) => one.rowsRead),
      rowsWritten: sum((one) => one.rowsWritten),
      rowsRejected: sum((one) => one.rowsRejected),
      bytes: sum((one) => one.bytes),
    };
    if (run.attempt > 1) return { ...run, ...counts };
    const { id, status, error, finishedAt, phase } = chain.at(-1) ?? run;
    if (this.unsettled.has(id)) return { ...run, ...counts, status: 'running', error: null, finishedAt: null };
    return { ...run, ...counts, status, error, finishedAt, phase };
  }

  addRun(pipelineId: string, over: Partial<RunView> = {}): Mutable<RunView> {
    const pipeline = this.pipelines.get(pipelineId);
    if (pipeline === undefined) throw new Error('no such pipeline');
    const id = randomUUID();
    const run: RunView = {
      id,
      tenantId: pipeline.tenantId,
      pipelineId,
      pipelineName: pipeline.name,
      mode: pipeline.mode,
      trigger: 'manual',
      status: 'pending',
      attempt: 1,
      rootId: id,
      previousId: null,
      nextId: null,
      phase: 'queued',
      estimatedRows: null,
      error: null,
      cancelRequestedAt: null,
      createdAt: '2024-03-15T10:15:00.000Z',
      startedAt: null,
      finishedAt: null,
      rowsRead: 0,
      rowsWritten: 0,
      rowsRejected: 0,
      bytes: 0,
      ...over,
    };
    this.runs.set(run.id, run);
    return run;
  }

  readonly #handlers: Handlers = {
    'catalog.connectors.list': () => connectors,
    'catalog.connectors.refused': () => this.refused,
    'catalog.endpoints.create': ({ tenantId, role, name, description = null, connectorType, config }) => {
      this.#uniqueName(this.endpoints.values(), { tenantId, role, name });
      const at = { createdAt: this.now, updatedAt: this.now, lastTestedAt: null, discoveredAt: null };
      const view: EndpointView = {
        id: randomUUID(),
        tenantId,
        role,
        name,
        description,
        connectorType,
        config: {},
        status: 'untested',
        findings: [],
        ...at,
      };
      this.endpoints.set(view.id, view);
      this.configs.set(view.id, config);
      return view;
    },
    'catalog.endpoints.getMany': ({ role, keys }) => {
      if (keys.length > 256) throw invalid('too-many', 'at most 256 keys');
      return keys.map(({ tenantId, id }) => {
        const found = this.endpoints.get(id);
        return found?.tenantId === tenantId && found.role === role ? found : null;
      });
    },
    'catalog.endpoints.list': ({ tenantId, role }) =>
      [...this.endpoints.values()].filter((one) => one.tenantId === tenantId && one.role === role),
    'catalog.endpoints.update': ({ tenantId, role, id, name, description, connectorType, config }) => {
      const found = this.#endpoint(role, tenantId, id);
      if (connectorType !== undefined && connectorType !== found.connectorType)
        throw invalid('type-fixed', 'the connector type does not change');
      if (name !== undefined) this.#uniqueName(this.endpoints.values(), { id, tenantId, role, name });
      if (config !== undefined) {
        this.configs.set(id, config);
        found.status = 'untested';
      }
      Object.assign(found, { ...(name !== undefined && { name }), ...(description !== undefined && { description }) });
      return found;
    },
    'catalog.endpoints.delete': ({ tenantId, role, id }) => {
      this.#endpoint(role, tenantId, id);
      if ([...this.pipelines.values()].some((one) => one.sourceId === id || one.destinationId === id))
        throw conflict('in-use', `the ${role} has connections; delete them first`);
      this.endpoints.delete(id);
      return null;
    },
    'catalog.endpoints.test': ({ tenantId, role, id }) => {
      const found = this.#endpoint(role, tenantId, id);
      const failed = this.findings.some(({ severity }) => severity === 'error');
      Object.assign(found, {
        status: failed ? 'failed' : 'ok',
        findings: this.findings,
        lastTestedAt: '2024-03-15T10:05:00.000Z',
      });
      return found;
    },
    'catalog.endpoints.discover': ({ tenantId, id }) => {
      this.#endpoint('source', tenantId, id).discoveredAt = this.now;
      return { count: this.streams.length, discoveredAt: this.now };
    },
    'catalog.streams.list': ({ tenantId, id, after }) => {
      this.#endpoint('source', tenantId, id);
      const rest = this.streams.filter((one) => after === undefined || one.id > after);
      const items = rest.slice(0, 1); // pages of one: the caller must ask for all of them
      return { items, next: rest.length > 1 ? (items[0]?.id ?? null) : null };
    },
    'catalog.pipelines.create': (request) => {
      this.#uniqueName(this.pipelines.values(), request);
      const at = { lastSyncAt: null, nextRunAt: null, createdAt: this.now, updatedAt: this.now };
      const view: PipelineView = { ...this.#pipeline(request), id: randomUUID(), status: 'pending', ...at };
      this.pipelines.set(view.id, view);
      return view;
    },
    'catalog.pipelines.get': ({ tenantId, id }) => this.#owned(this.pipelines, 'Connection', tenantId, id),
    'catalog.pipelines.list': ({ tenantId }) => [...this.pipelines.values()].filter((one) => one.tenantId === tenantId),
    'catalog.pipelines.update': ({ id, ...request }) =>
      Object.assign(this.#owned(this.pipelines, 'Connection', request.tenantId, id), this.#pipeline(request)),
    'catalog.pipelines.delete': ({ tenantId, id }) => {
      this.#owned(this.pipelines, 'Connection', tenantId, id);
      if (this.#active(id)) throw conflict('run-active', 'a sync of this connection is running; cancel it first');
      this.pipelines.delete(id);
      return null;
    },
    'catalog.pipelines.reset': ({ tenantId, id }) => {
      const pipeline = this.#owned(this.pipelines, 'Connection', tenantId, id);
      if (this.#active(id)) throw conflict('run-active', 'a run of this pipeline is active');
      const found = pipeline.mode === 'full' ? [] : this.streams.filter(({ key }) => key.length === 0);
      return { pipeline, keyless: found.map((one) => one.id), keylessCount: found.length };
    },
    'scheduler.runs.trigger': ({ tenantId, id }) => {
      this.#owned(this.pipelines, 'Connection', tenantId, id);
      if (this.#active(id)) throw conflict('run-active', 'a sync of this connection is running already');
      return this.addRun(id);
    },
    'catalog.runs.get': ({ tenantId, id }) => this.#shown(this.#owned(this.runs, 'Sync', tenantId, id)),
    'catalog.runs.streams': ({ tenantId, id }) => {
      this.#owned(this.runs, 'Sync', tenantId, id);
      return this.runStreams.get(id) ?? [];
    },
    'catalog.runs.list': ({ tenantId, pipelineId, page, size, sort, descending }) => {
      const mine = [...this.runs.values()].filter(
        (one) => one.tenantId === tenantId && one.attempt === 1 && (pipelineId ?? one.pipelineId) === one.pipelineId,
      );
      const sign = descending ? -1 : 1;
      mine.sort(
        (a, b) => sign * (sort === 'rowsWritten' ? a[sort] - b[sort] : String(a[sort]).localeCompare(String(b[sort]))),
      );
      return { items: mine.slice(page * size, (page + 1) * size).map((one) => this.#shown(one)), total: mine.length };
    },
    'catalog.runs.cancel': ({ tenantId, id }) => {
      const asked = this.#owned(this.runs, 'Sync', tenantId, id);
      const run: Mutable<RunView> = this.#chain(asked).at(-1) ?? asked;
      if (!['pending', 'running', 'cancelling'].includes(run.status))
        throw conflict('run-over', 'the sync is not running any more');
      run.status = 'cancelling';
      return run;
    },
    'catalog.keys.verify': ({ hash }) => {
      if (!/^[0-9a-f]{64}$/.test(hash)) throw invalid('bad-hash', 'hash must be SHA-256 in hex');
      const found = [...this.keys.values()].find((one) => one.hash === hash && one.revokedAt === null);
      return found === undefined ? null : principal(found);
    },
    'catalog.keys.create': ({ tenantId, name, permissions, expiresAt = null }) => {
      const id = randomUUID();
      const key = `sk_${randomUUID().replaceAll('-', '')}`;
      const hash = createHash('sha256').update(key).digest('hex');
      this.keys.set(id, {
        id,
        tenantId,
        hash,
        name,
        prefix: key.slice(0, 7),
        permissions,
        createdAt: this.now,
        expiresAt,
        revokedAt: null,
      });
      return { id, key };
    },
    'catalog.keys.list': ({ tenantId }) =>
      [...this.keys.values()]
        .filter((one) => one.tenantId === tenantId)
        .map(({ hash: _, tenantId: __, ...rest }) => rest),
    'catalog.keys.revoke': ({ tenantId, id }) => {
      this.#owned(this.keys, 'API key', tenantId, id).revokedAt = this.now;
      return null;
    },
  };

  #active(pipelineId: string): boolean {
    return [...this.runs.values()].some(
      (run) => run.pipelineId === pipelineId && ['pending', 'running', 'cancelling'].includes(run.status),
    );
  }
}

const principal = ({ id, tenantId, permissions }: Key): Principal => ({ tenantId, subject: `key:${id}`, permissions });

function checkShape(subject: Subject, data: object): void {
  const words = (shapes[subject] ?? '').split(' ').filter((word) => word !== '');
  const must = words.filter((word) => !word.endsWith('?'));
  const may = words.map((word) => word.replace('?', ''));
  for (const name of must) if (!(name in data)) throw new Error(`${subject} lacks ${name}`);
  for (const name of Object.keys(data))
    if (!may.includes(name)) throw new Error(`${subject} has ${name}, which is not of it`);
}
