/** Sources and destinations by id, many requests to one message. */
import { Injectable } from '@nestjs/common';
import { notFound, type ById, type EndpointView } from '@sluice/messages';
import { Bus } from '../bus.js';
import { Batcher } from './batcher.js';

type Role = EndpointView['role'];
const label: Readonly<Record<Role, string>> = { source: 'Source', destination: 'Destination' };

@Injectable()
export class Endpoints {
  readonly #lookups: Readonly<Record<Role, Batcher<ById, EndpointView | null>>>;
  constructor(bus: Bus) {
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
}
