/** The catalog as a runner sees it, over a real bus: hands out runs once, seals secrets, remembers what it is told. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  cancelSubject,
  seal,
  startSubject,
  unavailable,
  ServiceError,
  type Answer,
  type Assignment,
  type EndpointView,
  type JsonObject,
  type Request,
  type RunEvent,
  type StartMessage,
  type Stream,
  type Subject,
} from '@sluice/messages';
import { RpcClient, type Jets } from '@sluice/service';

export interface FakeRun {
  readonly source: JsonObject;
  readonly destination: JsonObject;
  readonly secrets?: JsonObject;
  /** Connector type of both ends; 'numbers' when absent. */
  readonly type?: string;
  readonly assignment?: Partial<Assignment>;
}
interface Known extends FakeRun {
  readonly id: string;
  state: 'pending' | 'running' | 'finished' | 'released';
  cancel: boolean;
  lost: boolean;
  finish: Request<'catalog.runs.finish'> | undefined;
  readonly events: RunEvent[];
  startedAt: number;
}
type Handlers = { [S in Subject]?: (request: Request<S>) => Answer<S> };

export class FakeCatalog implements AsyncDisposable {
  readonly runs = new Map<string, Known>();
  readonly tickets = new Map<
    string,
    { role: EndpointView['role']; type: string; config: JsonObject; secrets: JsonObject }
  >();
  readonly discovered: Stream[] = [];
  /** Subjects that are answered 'unavailable' so many times. */
  readonly failures = new Map<Subject, number>();
  readonly calls: string[] = [];
  fence = 0n;

  constructor(
    private readonly nats: NatsConnection,
    private readonly jets: Jets,
  ) {
    const handlers: Handlers = {
      'catalog.runs.claim': (request) => this.#claim(request),
      'catalog.runs.heartbeat': ({ runId }) => {
        const { cancel, lost } = this.runs.get(runId)!;
        return { cancel, lost };
      },
      'catalog.runs.finish': (request) => {
        const run = this.runs.get(request.runId)!;
        run.finish = request;
        run.state = 'finished';
        return {} as Answer<'catalog.runs.finish'>;
      },
      'catalog.runs.release': ({ runId }) => {
        this.runs.get(runId)!.state = 'released';
        return null;
      },
      'catalog.probes.redeem': ({ ticket, publicKey }) => {
        const { role, type, config, secrets } = this.tickets.get(ticket)!;
        this.tickets.delete(ticket);
        return { role, opening: { name: 'n', connectorType: type, config, secrets: seal(secrets, publicKey, ticket) } };
      },
      'catalog.probes.streams': ({ streams }) => {
        this.discovered.push(...streams);
        return null;
      },
    };
    for (const subject of Object.keys(handlers) as Subject[]) this.#serve(subject, handlers[subject] as never);
    nats.subscribe('run-events.>', {
      callback: (_error, message) => {
        const event = message.json<RunEvent>();
        this.runs.get(event.runId)?.events.push(event);
      },
    });
  }

  /** Makes a run and publishes its start message. */
  async start(run: FakeRun, type = 'numbers'): Promise<Known> {
    const id = randomUUID();
    const known: Known = {
      ...run,
      id,
      state: 'pending',
      cancel: false,
      lost: false,
      finish: undefined,
      events: [],
      startedAt: Date.now(),
    };
    this.runs.set(id, known);
    await this.publish(id, type);
    return known;
  }
  async publish(id: string, type = 'numbers'): Promise<void> {
    await this.jets.client.publish(startSubject(type), JSON.stringify({ runId: id } satisfies StartMessage));
  }

  cancelNow(id: string): void {
    this.nats.publish(cancelSubject(id));
  }
  /** Asks a runner; one that has only just subscribed may not be known to the server yet. */
  async call<S extends Subject>(subject: S, request: Request<S>): Promise<Answer<S>> {
    for (let tries = 0; ; tries++) {
      try {
        return await new RpcClient(this.nats).call(subject, request, 30_000);
      } catch (error) {
        if (tries > 20 || !(error instanceof ServiceError) || error.failure.code !== 'no-service') throw error;
        await sleep(100);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nats.close();
  }

  #claim({ runId, publicKey }: Request<'catalog.runs.claim'>): Assignment | null {
    const run = this.runs.get(runId);
    if (run === undefined || (run.state !== 'pending' && run.state !== 'released')) return null;
    run.state = 'running';
    const open = (name: string, config: JsonObject) => ({
      name,
      connectorType: run.type ?? 'numbers',
      config,
      secrets: seal(run.secrets ?? {}, publicKey, runId),
    });
    return {
      id: runId,
      tenantId: 't',
      pipelineId: 'pipe',
      mode: 'full',
      attempt: 1,
      rootId: runId,
      generation: 1,
      leaseSeconds: 20,
      bindings: null,
      options: {},
      warnings: [],
      ...run.assignment,
      fence: String(++this.fence),
      source: open('numbers', run.source),
      destination: open('folder', run.destination),
    };
  }

  #serve<S extends Subject>(subject: S, handle: (request: Request<S>) => Answer<S>): void {
    this.nats.subscribe(subject, {
      callback: (_error, message) => {
        const { id, data } = message.json<{ id: string; data: Request<S> }>();
        this.calls.push(subject);
        message.respond(JSON.stringify({ id, isDisposed: true, response: this.#reply(subject, handle, data) }));
      },
    });
  }
  #reply<S extends Subject>(subject: S, handle: (request: Request<S>) => Answer<S>, data: Request<S>): object {
    try {
      const left = this.failures.get(subject) ?? 0;
      this.failures.set(subject, left - 1);
      if (left > 0) throw unavailable('starting', 'not yet');
      return { ok: true, value: handle(data) };
    } catch (error) {
      const internal = { kind: 'internal', code: 'internal', message: String(error) };
      return { ok: false, failure: error instanceof ServiceError ? error.failure : internal };
    }
  }
}
