// @ts-check
/** Free and taken TCP ports on the loopback interface. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Binds a port for a moment.
 * @param {number} port 0 for any
 * @returns {Promise<number>} the port; rejects with `EADDRINUSE` or `EACCES`
 */
const bind = (port) =>
  new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address());
      server.close(() => done(address.port));
    });
  });

/** Ports below the ones that the system lends to outgoing connections: [from, to). @returns {[number, number]} */
const quietPorts = () => {
  try {
    const [first = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
    return first >= 20_000 ? [first - 16_000, first] : [0, 0];
  } catch {
    return [16_000, 32_000];
  }
};

/**
 * A port that was free a moment ago. The system would answer one that it lends to the next outgoing connection as well, so
 * that a server that starts a second later finds it taken: this one comes from where it lends none.
 * @param {readonly number[]} [promised] ports that are spoken for, though nobody listens there yet
 */
export const freePort = async (promised = []) => {
  const [from, to] = quietPorts();
  for (let tries = 0; tries < 50 && to > from; tries++) {
    const port = randomInt(from, to);
    if (!promised.includes(port) && !(await portProblem(port))) return port;
  }
  return bind(0);
};

/**
 * @param {number} port
 * @returns {Promise<string | undefined>} why the port cannot be used (`EADDRINUSE`, `EACCES`), or nothing
 */
export const portProblem = (port) =>
  bind(port).then(
    () => undefined,
    (error) => /** @type {NodeJS.ErrnoException} */ (error).code ?? String(error),
  );

/**
 * The preferred port when it is free, else any: keeps addresses stable over restarts.
 * @param {number | undefined} preferred @param {readonly number[]} [promised] as of `freePort`
 */
export const stablePort = async (preferred, promised = []) =>
  preferred && !promised.includes(preferred) && !(await portProblem(preferred)) ? preferred : freePort(promised);
