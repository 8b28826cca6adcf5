// @ts-check
/** Free and taken TCP ports on the loopback interface. */
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

/** A port that was free a moment ago. */
export const freePort = () => bind(0);

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
 * @param {number | undefined} preferred
 */
export const stablePort = async (preferred) => (preferred && !(await portProblem(preferred)) ? preferred : freePort());
