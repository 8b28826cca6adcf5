export { createGateway, listen, type Backing, type Gateway } from './gateway.js';
export { gatewaySettings, type GatewaySettings } from './settings.js';
export { Bus, EventLog, type LoggedEvent } from './bus.js';
export { RunLog } from './run-log.js';
