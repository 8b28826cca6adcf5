import { once } from 'node:events';
import { connect } from 'node:net';
import type { Context } from '@sluice/connector-sdk';

/** `Context.dial` for tests: connects to whatever it is given. The platform's own judges the host first. */
export const plainDial: Context['dial'] = async ({ host, port, timeout = 30_000 }) => {
  const socket = connect({ host, port, noDelay: true });
  const timer = setTimeout(() => {
    socket.destroy(Object.assign(new Error(`connect ETIMEDOUT ${host}:${port}`), { code: 'ETIMEDOUT' }));
  }, timeout);
  try {
    await once(socket, 'connect');
  } finally {
    clearTimeout(timer);
  }
  socket.on('error', () => undefined);
  return socket;
};
