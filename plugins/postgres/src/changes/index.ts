/** Changes of PostgreSQL tables, out of its write-ahead log. */
export { checkChanges, slotFindings } from './check-changes.js';
export { type Changes, type ChangesOptions, type Limits, openChanges, prepareChanges } from './open-changes.js';
export type { Followed } from './relations.js';
export { type SlotState, changesName, dropChanges, heartbeat, slotState } from './slot.js';
export { type Since, sinceSql } from './visible.js';
