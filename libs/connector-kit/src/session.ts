import type { DestinationSession, SourceSession } from '@sluice/connector-sdk';

export type AnySession = SourceSession | DestinationSession;
/** A session under test. `dispose` may be called early and twice. */
export interface Opened<Session extends AnySession> {
  readonly session: Session;
  dispose(): Promise<void>;
}
