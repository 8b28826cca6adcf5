import { type Context, type DestinationSession, defineDestination } from '@sluice/connector-sdk';
import { type DestinationConfig, destinationConfig } from '../config.js';
import { guard } from '../guard.js';
import { type Link, openLink } from '../link.js';
import { variants } from '../variants.js';
import { MySqlDestination } from './session.js';

export const destination = defineDestination<DestinationConfig>({
  id: 'mysql',
  title: 'MySQL',
  variants,
  config: destinationConfig,
  can: { modes: ['append', 'upsert', 'replace'], encodings: ['csv/1'], commit: 'atomic', evolve: ['add-column'] },
  open: (config, context) => guard(() => open(config, context)),
});

/** Two connections: rows are staged in an open transaction on one, which DDL would commit; DDL and locks have the other. */
async function open(config: DestinationConfig, context: Context): Promise<DestinationSession> {
  const options = { dial: context.dial, variant: context.variant, withoutDatabase: true };
  const control = await openLink(config, options);
  try {
    const loading = await openLink(config, { ...options, localFiles: true });
    for (const link of [control, loading]) await settings(link);
    const [row] = await control.query('SELECT @@local_infile');
    return new MySqlDestination(control, loading, config, context, row?.[0] === '1');
  } catch (error) {
    control.destroy();
    throw error;
  }
}

/** The default is a day or a year: a table that someone holds would stop the run without a word. */
async function settings(link: Link): Promise<void> {
  if (link.server.flavour !== 'singlestore')
    await link.run('SET SESSION lock_wait_timeout = 60, SESSION innodb_lock_wait_timeout = 60');
}
