/** The one way out to a host that a user named: one lookup, every answer judged, and a connection to what was judged. */
import { lookup } from 'node:dns/promises';
import { type Socket, connect, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { ConfigError, type Context, type Endpoint, codes } from '@sluice/connector-sdk';
import { lookupForm } from './host-name.js';
import { type OutboundSettings, parsePolicy, refusal, resolvePolicy } from './policy.js';

/** A name's addresses, the first to be tried first. */
export type Resolve = (name: string) => Promise<readonly string[]>;
export interface GateOptions {
  readonly resolve?: Resolve;
  /** Addresses of this machine. */
  readonly here?: () => readonly string[];
  readonly connect?: (addresses: readonly string[], port: number) => Socket;
}
const defaultTimeout = 30_000;

/** Throws when an entry of the settings cannot be read; the error names it. */
export function outboundGate(settings: OutboundSettings, options: GateOptions = {}): Pick<Context, 'dial'> {
  const { resolve = systemResolve, here = localAddresses, connect: open = connectToOne } = options;
  const policy = parsePolicy(settings);

  async function judged({ host, port }: Endpoint): Promise<readonly string[]> {
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new ConfigError(`${port} is no port.`, { path: ['port'] });
    const name = lookupForm(host);
    if (name === undefined)
      throw new ConfigError(`${JSON.stringify(host.slice(0, 100))} is no host name and no IP address.`, {
        path: ['host'],
        fix: 'Give a host name, or an address such as 10.1.2.3 or fd00::5; no URL, path or port.',
      });
    const [addresses, rules] = await Promise.all([addressesOf(name, resolve), resolvePolicy(policy, port, resolve)]);
    for (const address of addresses) {
      const refused = refusal(rules, address, here());
      if (refused === undefined) continue;
      throw new ConfigError(`Connections to ${host}:${port} are not allowed: it is ${refused.what}.`, {
        code: codes.outboundDenied,
        path: ['host'],
        fix: refused.fix,
      });
    }
    return addresses;
  }

  return {
    dial: async (to) => {
      const end = Date.now() + (to.timeout ?? defaultTimeout);
      const addresses = await before(end, to, judged(to));
      return connected(open(addresses, to.port), end, to);
    },
  };
}

async function addressesOf(name: string, resolve: Resolve): Promise<readonly string[]> {
  const addresses = isAddress(name) ? [name] : await resolve(name);
  if (addresses.length > 0) return addresses;
  throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
}
const isAddress = (text: string): boolean => isIP(text) !== 0;

const systemResolve: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);
const localAddresses = (): readonly string[] =>
  Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));

/** Tries them as Node does (RFC 8305); no name is looked up again. */
function connectToOne(addresses: readonly string[], port: number): Socket {
  const options = { port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 };
  const [first] = addresses;
  if (addresses.length === 1) return connect({ ...options, host: first! });
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return connect({
    ...options,
    host: 'checked',
    autoSelectFamily: true,
    lookup: (_name, _how, done) => done(null, all),
  });
}

const timedOut = ({ host, port }: Endpoint): Error =>
  Object.assign(new Error(`connect ETIMEDOUT ${host}:${port}`), { code: 'ETIMEDOUT' });

function before<T>(end: number, to: Endpoint, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(timedOut(to)), end - Date.now());
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function connected(socket: Socket, end: number, to: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(timedOut(to)), end - Date.now());
    // Stays: an error before the plugin listens must not end the process.
    socket.on('error', (error) => (clearTimeout(timer), reject(error)));
    socket.once('connect', () => (clearTimeout(timer), resolve(socket)));
  });
}
