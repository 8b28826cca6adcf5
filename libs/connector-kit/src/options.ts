import type { DestinationPeer, KitCodec, PeerColumn, SourcePeer } from './peer.js';

/** What a test runner lends: jest, vitest and node:test (with an adapter) all have these. */
export interface Runner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>, timeoutMs?: number): unknown;
}

/** A configuration that must not work, and the code it is refused with. */
export interface Fault {
  readonly name: string;
  /** As `config` of the options: a value, or a function that answers it. */
  readonly config: unknown;
  /** The code of the error `open` throws, or of the finding `check` answers: 'authentication'. */
  readonly code: string;
}

interface Options<Peer> {
  /**
   * A working configuration, as a user would write it: it is validated by the plugin's own schema. A function is called when
   * a case runs, so that a server may have been started by then.
   */
  readonly config: unknown;
  readonly peer: Peer;
  /** Which variant to open, when the plugin has variants. */
  readonly variant?: string;
  /** Parts in front of every table name the kit makes: ['public']. */
  readonly namespace?: readonly string[];
  /** Codecs of the claimed encodings; a claimed encoding without one fails. */
  readonly codecs?: readonly KitCodec[];
  /** Configurations that must be refused. */
  readonly faults?: readonly Fault[];
  /** Case -> why it may fail: `{ 'types/date': 'the system has no BC dates' }`. An empty reason fails. */
  readonly waivers?: Readonly<Record<string, string>>;
  /** Of the generated rows; printed, so that a failure can be run again. Default: from the clock. */
  readonly seed?: number;
  /** Rows of the tables that are stopped and resumed; choose it with the batch size so that several batches come. Default 60. */
  readonly rows?: number;
  /** Milliseconds one case may take. Default 60,000. */
  readonly timeout?: number;
  /** Default: the globals `describe` and `it` of jest and vitest. */
  readonly runner?: Runner;
  /** Where the report goes. Default: standard output. */
  readonly print?: (text: string) => void;
}
export interface SourceOptions extends Options<SourcePeer> {
  /** No batch of rows may hold more bytes than this, whatever the table. Default 16 MiB. (Invariant 10) */
  readonly maxBatchBytes?: number;
}
export interface DestinationOptions extends Options<DestinationPeer> {
  /** How the destination's own system spells a column's type: for encodings it accepts from a source of its own kind only. */
  readonly native?: { readonly system: string; type(column: PeerColumn): string };
}
export type AnyOptions = SourceOptions | DestinationOptions;
