/** What sources and destinations are described by in requests, in the words of either. */
import type { EndpointView } from '@sluice/messages';

/** How far a source or a destination has been tested. */
export const endpointWords = { untested: 'INACTIVE', ok: 'ACTIVE', failed: 'ERROR' } as const;
export const endpointStatuses = Object.values(endpointWords);

interface Examples {
  readonly name: string;
  readonly description: string | null;
  readonly connectorType: string;
  readonly connectionConfig: object;
}
/** Specifications of the fields of a body that makes or changes one; `types`: where connector types are listed. */
export function endpointFields(role: EndpointView['role'], types: string, example: Examples) {
  const label = role === 'source' ? 'Source' : 'Destination';
  const connectorType = { label: 'Connector type', example: example.connectorType };
  return {
    name: { label: `${label} name`, description: `Human-readable ${role} name.`, example: example.name },
    description: {
      label: `${label} description`,
      description: `Description of the ${role}.`,
      max: 2000,
      multiline: true,
      nullable: true,
      ...(example.description !== null && { example: example.description }),
    },
    connectorType: { ...connectorType, description: types },
    /** In an update. */
    sameConnectorType: { ...connectorType, description: `Only to repeat it: the type of a ${role} does not change.` },
    config: {
      label: 'Connection config',
      description:
        "The connector's own settings; GET /api/v1/connectors has their schema. Secrets in it are never read back.",
      example: example.connectionConfig,
    },
  };
}
