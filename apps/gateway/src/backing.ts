/** Lends the dialects what they share, to be injected by class. */
import { Module, type DynamicModule } from '@nestjs/common';
import { Bus, EventLog } from './bus.js';
import type { Backing } from './gateway.js';
import { Endpoints } from './lookup/endpoints.js';

@Module({})
export class BackingModule {
  static with({ bus, events }: Backing): DynamicModule {
    const providers = [
      { provide: Bus, useValue: bus },
      { provide: EventLog, useValue: events },
      { provide: Endpoints, useValue: new Endpoints(bus) },
    ];
    return { module: BackingModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }
}
