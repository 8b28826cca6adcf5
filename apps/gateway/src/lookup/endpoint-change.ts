/** What the body of an update says, without what it leaves alone. */
import type { EndpointInput, JsonObject } from '@sluice/messages';

/** A null description clears it; null elsewhere is as good as absent. */
export interface EndpointUpdate {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly connectorType?: string | null;
  readonly connectionConfig?: Record<string, unknown> | null;
}

export const endpointChange = ({
  name,
  description,
  connectorType,
  connectionConfig,
}: EndpointUpdate): Partial<EndpointInput> => ({
  ...(name != null && { name }),
  ...(description !== undefined && { description }),
  ...(connectorType != null && { connectorType }),
  ...(connectionConfig != null && { config: connectionConfig as JsonObject }),
});
