/** The platform's own resources, next to the dialects and in the same style. */
import { Module } from '@nestjs/common';
import { ApiKeysController } from './api-keys-controller.js';
import { ConnectionResetController } from './connection-reset-controller.js';
import { ConnectionSettingsController } from './connection-settings-controller.js';
import { ConnectorsController } from './connectors-controller.js';
import { DestinationsController } from './destinations-controller.js';
import { SourceFindingsController } from './source-findings-controller.js';
import { SyncEventsController } from './sync-events-controller.js';
import { SyncStreamsController } from './sync-streams-controller.js';

@Module({
  controllers: [
    DestinationsController,
    ConnectorsController,
    ApiKeysController,
    SourceFindingsController,
    ConnectionSettingsController,
    ConnectionResetController,
    SyncStreamsController,
    SyncEventsController,
  ],
})
export class PlatformModule {}
