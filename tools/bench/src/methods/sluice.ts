/** Sluice through its own REST API. */
import type { Method } from '../measure/rounds.js';
import { openApi, type NewConnection } from '../sluice/api.js';
import type { Platform } from '../sluice/platform.js';
import { runSync } from '../sluice/run-sync.js';
import { startMeter } from '../sluice/usage.js';
import { connectionConfig, type Address } from '../servers/address.js';

export interface SluiceJob {
  /** Id of the method, 'sluice' or with a suffix. */
  readonly id: string;
  readonly title: string;
  readonly source: { readonly connectorType: string; readonly address: Address };
  readonly destination: { readonly connectorType: string; readonly address: Address };
  /** Absent: all that the source offers. */
  readonly streams?: readonly string[];
  readonly options?: NewConnection['options'];
}

let serial = 0;

/** Makes source, destination and connection. @returns the connection's id */
export const connect = async (
  platform: Platform,
  { source, destination, streams, options }: SluiceJob,
): Promise<string> => {
  const api = openApi(platform.local);
  const name = `bench ${Date.now().toString(36)} ${serial++}`;
  const end = ({ connectorType, address }: SluiceJob['source']): object => ({
    name,
    connectorType,
    connectionConfig: connectionConfig(address),
  });
  const sourceId = await api.create('sources', end(source));
  await api.call(200, 'POST', `/sources/${sourceId}/discover`);
  const destinationId = await api.create('destinations', end(destination));
  const connection: NewConnection = {
    name,
    sourceId,
    destinationId,
    syncMode: 'FULL_REFRESH',
    ...(streams && { selectedStreams: streams }),
    ...(options && { options }),
  };
  return api.create('connections', connection);
};

/** The connection is made once, before the clock; each run is one trigger. */
export const sluiceMethod = (platform: () => Promise<Platform>, job: SluiceJob): Method => {
  let connection: Promise<string> | undefined;
  return {
    id: job.id,
    title: job.title,
    prepare: async () => void (await (connection ??= platform().then((started) => connect(started, job)))),
    run: async () => {
      const started = await platform();
      const id = await (connection ?? Promise.reject(new Error('not prepared')));
      const meter = startMeter(started.pid);
      try {
        return meter.read((await runSync(openApi(started.local), id)).wallSeconds);
      } finally {
        meter.stop();
      }
    },
  };
};
