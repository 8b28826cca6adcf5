/** Where a server is and who we are there. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The connection part of a Sluice source or destination. */
export const connectionConfig = ({
  host,
  port,
  user,
  password,
  database,
}: Address): Record<string, string | number> => ({
  host,
  port,
  database,
  username: user,
  password,
  ssl_mode: 'disable',
});

/** With the password: for files that only we can read, never for a command line. */
export const urlOf = (scheme: string, { host, port, user, password, database }: Address): string =>
  `${scheme}://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${encodeURIComponent(database)}`;
