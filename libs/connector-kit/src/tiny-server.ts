/** A TCP server of few words, for tests of what a plugin says when something else answers. Texts are Latin-1. */
import { type AddressInfo, type Socket, createServer } from 'node:net';

export interface TinyServer extends AsyncDisposable {
  readonly port: number;
}

/** `talk` gets each connection as it comes. */
export async function tinyServer(talk: (socket: Socket) => void): Promise<TinyServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    talk(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Speaks first. */
export const greets =
  (words: string) =>
  (socket: Socket): void =>
    void socket.write(Buffer.from(words, 'latin1'));

/** One text for each chunk that comes. */
export const answers =
  (...words: readonly string[]) =>
  (socket: Socket): void => {
    const left = [...words];
    socket.on('data', () => {
      const next = left.shift();
      if (next !== undefined) socket.write(Buffer.from(next, 'latin1'));
    });
  };
