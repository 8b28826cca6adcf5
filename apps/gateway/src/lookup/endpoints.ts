/** What both dialects do with sources and destinations; lookups by id go many to one message. */
import { Injectable } from '@nestjs/common';
import { notFound, type ById, type EndpointView, type JsonObject } from '@sluice/messages';
import type { Caller } from '../auth/gatekeeper.js';
import { Bus, probeTimeout } from '../bus.js';
import { Batcher } from './batcher.js';
import { requireInstalled } from './connectors.js';
import { endpointChange, type EndpointUpdate } from './endpoint-change.js';

type Role = EndpointView['role'];
const label: Readonly<Record<Role, string>> = { source: 'Source', destination: 'Destination' };

@Injectable()
export class Endpoints {
  readonly #lookups: Readonly<Record<Role, Batcher<ById, EndpointView | null>>>;
  constructor(private readonly bus: Bus) {
    const batcher = (role: Role): Batcher<ById, EndpointView | null> =>
      new Batcher({
        load: (keys) => bus.call('catalog.endpoints.getMany', { role, keys }),
        textOf: ({ tenantId, id }) => tenantId + id,
        most: 256,
        patience: 100,
      });
    this.#lookups = { source: batcher('source'), destination: batcher('destination') };
  }

  /** Throws ServiceError 'not-found', the same for an id that is unknown and one of another tenant (Invariant 11). */
  async get(role: Role, tenantId: string, id: string): Promise<EndpointView> {
    const found = await this.#lookups[role].get({ tenantId, id });
    if (found === null) throw notFound(`no-such-${role}`, `${label[role]} not found`);
    return found;
  }

  list(role: Role, tenantId: string): Promise<readonly EndpointView[]> {
    return this.bus.call('catalog.endpoints.list', { tenantId, role });
  }

  /** `promised`: types that are known by name though their plugin may be missing. */
  async create(role: Role, caller: Caller, body: NewEndpoint, promised?: readonly string[]): Promise<EndpointView> {
    const { name, description = null, connectorType } = body;
    await requireInstalled(this.bus, role, connectorType, promised);
    const config = body.connectionConfig as JsonObject;
    return this.bus.call('catalog.endpoints.create', { ...caller, role, name, description, connectorType, config });
  }

  /** Changes what the body has and leaves the rest. */
  update(role: Role, caller: Caller, id: string, body: EndpointUpdate): Promise<EndpointView> {
    return this.bus.call('catalog.endpoints.update', { ...caller, role, id, ...endpointChange(body) });
  }

  async remove(role: Role, caller: Caller, id: string): Promise<void> {
    await this.bus.call('catalog.endpoints.delete', { ...caller, role, id });
  }

  test(role: Role, caller: Caller, id: string): Promise<EndpointView> {
    return this.bus.call('catalog.endpoints.test', { ...caller, role, id }, probeTimeout);
  }
}

interface NewEndpoint {
  readonly name: string;
  readonly description?: string | null;
  readonly connectorType: string;
  readonly connectionConfig: Record<string, unknown>;
}
