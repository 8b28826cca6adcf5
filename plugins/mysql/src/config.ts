import { tlsModes, tlsOptions } from '@sluice/connector-sdk';
import { z } from 'zod';

const text = (title: string, description: string) => z.string().min(1).meta({ title }).describe(description);

/** What both directions share. `ssl_mode` uses the names of libpq, which the other connectors use too. */
const connection = {
  host: text('Host', 'Name or address of the server.').refine((host) => !/^[/@]/.test(host), {
    message: 'A socket path is not allowed here: give a host name or an address.',
  }),
  port: z.int().min(1).max(65535).default(3306).meta({ title: 'Port' }).describe('TCP port of the server.'),
  username: text('User name', 'User to connect as.'),
  password: z.string().default('').meta({ title: 'Password', writeOnly: true }).describe('Password of the user.'),
  ssl_mode: z.enum(tlsModes).optional().meta(tlsOptions.ssl_mode),
  ssl_root_cert: z.string().min(1).optional().meta(tlsOptions.ssl_root_cert),
  connect_timeout: z
    .number()
    .min(1)
    .max(600)
    .default(15)
    .meta({ title: 'Connect timeout' })
    .describe('Seconds to wait for a connection.'),
};

export const sourceConfig = z.strictObject({
  ...connection,
  database: z
    .string()
    .min(1)
    .optional()
    .meta({ title: 'Database' })
    .describe('Database to read; all databases the user sees when empty.'),
  zero_dates: z
    .enum(['reject', 'null'])
    .default('reject')
    .meta({ title: 'Zero dates' })
    .describe(
      'What to do with dates such as 0000-00-00, which no calendar has: reject the load, or read them as NULL and log how many.',
    ),
  window_rows: z
    .int()
    .min(1)
    .default(200_000)
    .meta({ title: 'Rows per window', advanced: true })
    .describe('Rows of a full read between two checkpoints, about.'),
  window_bytes: z
    .int()
    .min(1024)
    .default(67_108_864)
    .meta({ title: 'Bytes per window', advanced: true })
    .describe('Bytes of a full read between two checkpoints, about, by the average row size the server reports.'),
  cursor_lag_seconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(10)
    .meta({ title: 'Cursor lag', advanced: true })
    .describe(
      'Seconds that a cursor read stays behind the clock, for rows whose time is older than their commit; for numbers it is a wait, where open transactions may not be seen.',
    ),
  cursor_wait_seconds: z
    .number()
    .min(0)
    .max(3600)
    .default(10)
    .meta({ title: 'Cursor wait', advanced: true })
    .describe(
      'Seconds that a read by cursor waits for transactions that may yet commit rows below its mark; it keeps its position when some stay open. 0 does not look for them.',
    ),
});
export type SourceConfig = z.output<typeof sourceConfig>;

export const destinationConfig = z.strictObject({
  ...connection,
  database: text('Database', 'Database to write to.'),
});
export type DestinationConfig = z.output<typeof destinationConfig>;

/** What connecting needs, of either side. */
export type ConnectionConfig = Omit<DestinationConfig, 'database'> & { readonly database?: string | undefined };
