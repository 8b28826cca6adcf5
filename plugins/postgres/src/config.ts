import { tlsModes, tlsOptions } from '@sluice/connector-sdk';
import { z } from 'zod';

const text = (title: string, description: string): z.ZodString => z.string().min(1).meta({ title, description });

const connection = {
  host: text('Host', 'Host name or address of the server.').refine((host) => !/^[/@]/.test(host), {
    message: 'A socket path is not allowed here: give a host name or an address.',
  }),
  port: z.int().min(1).max(65535).default(5432).meta({ title: 'Port', description: 'TCP port of the server.' }),
  database: text('Database', 'Name of the database.'),
  username: text('User name', 'Role to log in as.'),
  password: z.string().default('').meta({ title: 'Password', description: 'Password of the role.', writeOnly: true }),
  ssl_mode: z.enum(tlsModes).optional().meta(tlsOptions.ssl_mode),
  ssl_root_cert: z.string().min(1).optional().meta(tlsOptions.ssl_root_cert),
  connect_timeout: z
    .number()
    .positive()
    .max(600)
    .default(15)
    .meta({ title: 'Connect timeout', description: 'Seconds to wait for a connection.' }),
};

const windowBytes = z
  .int()
  .min(8192)
  .max(2 ** 40)
  .default(64 * 2 ** 20)
  .meta({
    title: 'Window size',
    description: 'Bytes of a table that a full load reads between two checkpoints.',
  });
const cursorLag = z
  .number()
  .min(0)
  .max(86_400 * 365)
  .default(10)
  .meta({
    title: 'Cursor safety lag',
    description:
      'Seconds that a read by a time cursor stays behind the clock, for rows whose time is older than their commit.',
  });
const cursorWait = z.number().min(0).max(3600).default(10).meta({
  title: 'Cursor wait',
  description:
    'Seconds that a read by cursor waits for transactions that may yet commit rows below its mark; it stops short of those that stay open. 0 does not look for them.',
});

export const sourceConfig = z.strictObject({
  ...connection,
  window_bytes: windowBytes,
  cursor_lag_seconds: cursorLag,
  cursor_wait_seconds: cursorWait,
});
export const destinationConfig = z.strictObject({
  ...connection,
  schema: text('Schema', 'Schema for the tables, and for the table of checkpoints.').default('public'),
});

export type SourceConfig = z.output<typeof sourceConfig>;
export type DestinationConfig = z.output<typeof destinationConfig>;
export type ConnectionConfig = Omit<SourceConfig, 'window_bytes' | 'cursor_lag_seconds' | 'cursor_wait_seconds'>;
