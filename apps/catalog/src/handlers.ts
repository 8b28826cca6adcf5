/** The subjects that the catalog serves, each handed to the service that answers it. */
import { Controller, Inject } from '@nestjs/common';
import type { Answer, Request } from '@sluice/messages';
import { Serves } from '@sluice/service';
import type { Catalog } from './catalog.js';
import { listSchedules, notePlanned } from './pipelines/schedule-service.js';

/** Injection token of the `Catalog`. */
export const CATALOG = Symbol('catalog');

@Controller()
export class EndpointHandlers {
  constructor(@Inject(CATALOG) private readonly catalog: Catalog) {}

  @Serves('catalog.connectors.list')
  connectors(): Promise<Answer<'catalog.connectors.list'>> {
    return this.catalog.connectors.list();
  }

  @Serves('catalog.connectors.refused')
  refused(): Promise<Answer<'catalog.connectors.refused'>> {
    return this.catalog.connectors.refused();
  }

  @Serves('catalog.endpoints.create')
  create(request: Request<'catalog.endpoints.create'>): Promise<Answer<'catalog.endpoints.create'>> {
    return this.catalog.endpoints.create(request);
  }

  @Serves('catalog.endpoints.getMany')
  getMany(request: Request<'catalog.endpoints.getMany'>): Promise<Answer<'catalog.endpoints.getMany'>> {
    return this.catalog.endpoints.getMany(request);
  }

  @Serves('catalog.endpoints.list')
  list(request: Request<'catalog.endpoints.list'>): Promise<Answer<'catalog.endpoints.list'>> {
    return this.catalog.endpoints.list(request);
  }

  @Serves('catalog.endpoints.update')
  update(request: Request<'catalog.endpoints.update'>): Promise<Answer<'catalog.endpoints.update'>> {
    return this.catalog.endpoints.update(request);
  }

  @Serves('catalog.endpoints.delete')
  remove(request: Request<'catalog.endpoints.delete'>): Promise<Answer<'catalog.endpoints.delete'>> {
    return this.catalog.endpoints.remove(request);
  }

  @Serves('catalog.endpoints.test')
  test(request: Request<'catalog.endpoints.test'>): Promise<Answer<'catalog.endpoints.test'>> {
    return this.catalog.probes.test(request);
  }

  @Serves('catalog.endpoints.discover')
  discover(request: Request<'catalog.endpoints.discover'>): Promise<Answer<'catalog.endpoints.discover'>> {
    return this.catalog.probes.discover(request);
  }

  @Serves('catalog.streams.list')
  streams(request: Request<'catalog.streams.list'>): Promise<Answer<'catalog.streams.list'>> {
    return this.catalog.probes.streams(request);
  }

  @Serves('catalog.probes.redeem')
  redeem(request: Request<'catalog.probes.redeem'>): Promise<Answer<'catalog.probes.redeem'>> {
    return this.catalog.probes.redeem(request);
  }

  @Serves('catalog.probes.streams')
  accept(request: Request<'catalog.probes.streams'>): Promise<Answer<'catalog.probes.streams'>> {
    return this.catalog.probes.accept(request);
  }
}

@Controller()
export class PipelineHandlers {
  constructor(@Inject(CATALOG) private readonly catalog: Catalog) {}

  @Serves('catalog.pipelines.create')
  create(request: Request<'catalog.pipelines.create'>): Promise<Answer<'catalog.pipelines.create'>> {
    return this.catalog.pipelines.create(request);
  }

  @Serves('catalog.pipelines.get')
  get(request: Request<'catalog.pipelines.get'>): Promise<Answer<'catalog.pipelines.get'>> {
    return this.catalog.pipelines.get(request);
  }

  @Serves('catalog.pipelines.list')
  list(request: Request<'catalog.pipelines.list'>): Promise<Answer<'catalog.pipelines.list'>> {
    return this.catalog.pipelines.list(request);
  }

  @Serves('catalog.pipelines.update')
  update(request: Request<'catalog.pipelines.update'>): Promise<Answer<'catalog.pipelines.update'>> {
    return this.catalog.pipelines.update(request);
  }

  @Serves('catalog.pipelines.delete')
  remove(request: Request<'catalog.pipelines.delete'>): Promise<Answer<'catalog.pipelines.delete'>> {
    return this.catalog.pipelines.remove(request);
  }

  @Serves('catalog.pipelines.reset')
  reset(request: Request<'catalog.pipelines.reset'>): Promise<Answer<'catalog.pipelines.reset'>> {
    return this.catalog.pipelines.reset(request);
  }

  @Serves('catalog.schedules.list')
  schedules(request: Request<'catalog.schedules.list'>): Promise<Answer<'catalog.schedules.list'>> {
    return listSchedules(this.catalog.db, request);
  }

  @Serves('catalog.schedules.planned')
  planned(request: Request<'catalog.schedules.planned'>): Promise<Answer<'catalog.schedules.planned'>> {
    return notePlanned(this.catalog.db, request);
  }
}

@Controller()
export class RunHandlers {
  constructor(@Inject(CATALOG) private readonly catalog: Catalog) {}

  @Serves('catalog.runs.create')
  create(request: Request<'catalog.runs.create'>): Promise<Answer<'catalog.runs.create'>> {
    return this.catalog.runs.create(request);
  }

  @Serves('catalog.runs.get')
  get(request: Request<'catalog.runs.get'>): Promise<Answer<'catalog.runs.get'>> {
    return this.catalog.runs.get(request);
  }

  @Serves('catalog.runs.streams')
  streams(request: Request<'catalog.runs.streams'>): Promise<Answer<'catalog.runs.streams'>> {
    return this.catalog.runs.streams(request);
  }

  @Serves('catalog.runs.list')
  list(request: Request<'catalog.runs.list'>): Promise<Answer<'catalog.runs.list'>> {
    return this.catalog.runs.list(request);
  }

  @Serves('catalog.runs.cancel')
  cancel(request: Request<'catalog.runs.cancel'>): Promise<Answer<'catalog.runs.cancel'>> {
    return this.catalog.runs.cancel(request);
  }

  @Serves('catalog.runs.claim')
  claim(request: Request<'catalog.runs.claim'>): Promise<Answer<'catalog.runs.claim'>> {
    return this.catalog.runs.claim(request);
  }

  @Serves('catalog.runs.heartbeat')
  heartbeat(request: Request<'catalog.runs.heartbeat'>): Promise<Answer<'catalog.runs.heartbeat'>> {
    return this.catalog.runs.heartbeat(request);
  }

  @Serves('catalog.runs.finish')
  finish(request: Request<'catalog.runs.finish'>): Promise<Answer<'catalog.runs.finish'>> {
    return this.catalog.runs.finish(request);
  }

  @Serves('catalog.runs.release')
  release(request: Request<'catalog.runs.release'>): Promise<Answer<'catalog.runs.release'>> {
    return this.catalog.runs.release(request);
  }

  @Serves('catalog.runs.unresolved')
  unresolved(request: Request<'catalog.runs.unresolved'>): Promise<Answer<'catalog.runs.unresolved'>> {
    return this.catalog.runs.unresolved(request);
  }

  @Serves('catalog.runs.settle')
  settle(request: Request<'catalog.runs.settle'>): Promise<Answer<'catalog.runs.settle'>> {
    return this.catalog.runs.settle(request);
  }

  @Serves('catalog.runs.expire')
  expire(request: Request<'catalog.runs.expire'>): Promise<Answer<'catalog.runs.expire'>> {
    return this.catalog.runs.expire(request);
  }
}

@Controller()
export class KeyHandlers {
  constructor(@Inject(CATALOG) private readonly catalog: Catalog) {}

  @Serves('catalog.keys.verify')
  verify(request: Request<'catalog.keys.verify'>): Promise<Answer<'catalog.keys.verify'>> {
    return this.catalog.keys.verify(request);
  }

  @Serves('catalog.keys.create')
  create(request: Request<'catalog.keys.create'>): Promise<Answer<'catalog.keys.create'>> {
    return this.catalog.keys.create(request);
  }

  @Serves('catalog.keys.list')
  list(request: Request<'catalog.keys.list'>): Promise<Answer<'catalog.keys.list'>> {
    return this.catalog.keys.list(request);
  }

  @Serves('catalog.keys.revoke')
  revoke(request: Request<'catalog.keys.revoke'>): Promise<Answer<'catalog.keys.revoke'>> {
    return this.catalog.keys.revoke(request);
  }
}
