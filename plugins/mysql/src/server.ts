/** Which server is at the other end: what SQL it understands depends on it. */
export type Flavour = 'mysql' | 'mariadb' | 'singlestore';

export interface Server {
  readonly flavour: Flavour;
  /** As the server says it: '10.11.19-MariaDB-log'. */
  readonly text: string;
  readonly version: readonly [major: number, minor: number, patch: number];
}

/** `variant` decides only for SingleStore, which calls itself MySQL 5.7. */
export function parseServer(text: string, variant?: string): Server {
  const flavour = variant === 'singlestore' ? 'singlestore' : /mariadb/i.test(text) ? 'mariadb' : 'mysql';
  // Old MariaDB servers put '5.5.5-' before their version, for replicas that could not read a two-digit one.
  const match = /(\d+)\.(\d+)\.(\d+)/.exec(text.replace(/^5\.5\.5-(?=1\d\.)/, ''));
  return { flavour, text, version: [Number(match?.[1] ?? 0), Number(match?.[2] ?? 0), Number(match?.[3] ?? 0)] };
}

export function atLeast(server: Server, ...wanted: readonly [number, number, number]): boolean {
  for (let i = 0; i < 3; i++) if (server.version[i]! !== wanted[i]!) return server.version[i]! > wanted[i]!;
  return true;
}
