/** The platform that the suite started: where it is, and its processes. */
import { readFileSync, readdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';

export interface Local {
  readonly url: string;
  readonly tenantId: string;
  readonly token: string;
  readonly apiKey: string;
  readonly postgres: { host: string; port: number; user: string; password: string; database: string };
  readonly dataDir: string;
}
export const root = resolve(__dirname, '../../..');
export const local = (): Local => JSON.parse(process.env['SLUICE_E2E'] ?? 'null') as Local;

/** Process ids of one app of this platform. Workers are the runner's children and die with it. */
export function pidsOf(app: 'catalog' | 'scheduler' | 'runner' | 'gateway'): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => mentions(pid, 'cmdline', `apps/${app}/dist/main.js`) && mentions(pid, 'environ', local().dataDir));
}
function mentions(pid: number, file: string, text: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(text);
  } catch {
    return false; // it has ended meanwhile
  }
}

export function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
