export { outboundGate, type GateOptions, type Resolve } from './gate.js';
export type { OutboundSettings } from './policy.js';
