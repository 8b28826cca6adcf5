import { lend, main, onStopSignal, RpcClient } from '@sluice/service';
import { createGateway, listen } from './gateway.js';
import { RunLog } from './run-log.js';
import { gatewaySettings } from './settings.js';

main(async () => {
  const settings = gatewaySettings();
  const lent = await lend('gateway');
  const { nats, jets, ops, logger } = lent;
  const gateway = await createGateway(
    { bus: new RpcClient(nats), events: new RunLog(jets.client), ops, logger },
    settings,
  );
  const { httpHost: host } = lent.settings;
  const url = await listen(gateway, host, settings.port).catch((error: unknown) =>
    refuse(error, `${host}:${settings.port}`),
  );
  logger.info({ url }, 'gateway is up');
  onStopSignal(async () => {
    await gateway.app.close();
    await nats.close();
  }, lent);
});

/** A port that is taken is the user's to free: one line, no stack. */
function refuse(error: unknown, address: string): never {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw error;
  const why = {
    EADDRINUSE: 'is in use by another program',
    EACCES: 'needs more rights',
    EADDRNOTAVAIL: 'is not an address of this machine',
  };
  process.stderr.write(`gateway: ${address} ${why[code]}; choose another with SLUICE_PORT or SLUICE_HTTP_HOST\n`);
  process.exit(1);
}
