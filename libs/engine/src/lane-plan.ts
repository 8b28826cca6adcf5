/** What a run is made of: lanes, each with what to read and where to put it. */
import type { ConfigError, Json, StreamRequest, Target } from '@sluice/connector-sdk';

export type LaneMode = 'full' | 'incremental';
export interface LanePlan {
  /** `${pipelineId}/${mode}/${stream.id}`: stable over runs, so that the next one finds the checkpoint. */
  readonly id: string;
  /** The stream reduced to the selected columns and with the key that counts; without the encoding, which is agreed on later. */
  readonly request: StreamRequest;
  readonly target: Target;
}
/** A stream that cannot be planned. The others go on without it. */
export interface Refusal {
  readonly stream: string;
  readonly error: ConfigError;
}
export interface RunPlan {
  readonly lanes: readonly LanePlan[];
  readonly refused: readonly Refusal[];
}
/**
 * Into how many parts a large full read may be cut, by how it is read: a lane of rows is the work of one core here, one of bytes
 * is the work of two servers, which may well be on this machine too.
 */
export interface MostParts {
  readonly rows: number;
  readonly bytes: number;
}
/** One of several pieces of a full read. `name` stays with the piece over attempts, `part` is the source's own description. */
export interface LanePart {
  readonly name: string;
  readonly part: Json;
}
