export { ConformanceError } from './assert.js';
export { conformance, runConformance } from './conformance.js';
export { MemoryStore, type CrashPoint, memoryDestination } from './memory/destination.js';
export { jsonLines } from './memory/json-lines.js';
export { memorySource } from './memory/source.js';
export { MemorySystem } from './memory/system.js';
export type { DestinationOptions, Fault, Runner, SourceOptions } from './options.js';
export type { DestinationPeer, FixedStream, KitCodec, PeerColumn, PeerTable, SourcePeer } from './peer.js';
export type { Outcome, Report } from './report.js';
