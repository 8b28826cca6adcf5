export { Jets } from './jetstream.js';
export { createLogger, nestLogger, type Logger } from './logger.js';
export { LOGGER, NATS, SETTINGS, ServiceModule, type Lent } from './module.js';
export { connectNats, natsOptions, natsServers } from './nats.js';
export { Ops, type ReadyCheck } from './ops.js';
export { RpcClient } from './rpc-client.js';
export { lend, main, onStopSignal, runService, serving } from './run-service.js';
export { ReplyFilter, Serves, failureOf } from './serves.js';
export { oneOf, required, serviceSettings, whole, type ServiceSettings } from './settings.js';
