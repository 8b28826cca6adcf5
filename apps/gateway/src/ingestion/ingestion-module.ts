/** The Ingestion Service API: a thin translation between its words and the one model. File imports will find their place here. */
import { Module } from '@nestjs/common';
import { ConnectionsController } from './connections-controller.js';
import { SourcesController } from './sources-controller.js';
import { SyncsController } from './syncs-controller.js';

@Module({ controllers: [SourcesController, ConnectionsController, SyncsController] })
export class IngestionModule {}
