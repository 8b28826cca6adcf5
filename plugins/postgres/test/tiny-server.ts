/** A TCP server of few words, for the tests of what is not PostgreSQL. */
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

export const greets =
  (words: string) =>
  (socket: Socket): void =>
    void socket.write(Buffer.from(words, 'latin1'));

export const answers =
  (...words: readonly string[]) =>
  (socket: Socket): void => {
    const left = [...words];
    socket.on('data', () => {
      const next = left.shift();
      if (next !== undefined) socket.write(Buffer.from(next, 'latin1'));
    });
  };

/** As MySQL 8.0.36 greets. */
export const mysqlGreeting =
  '\x4a\0\0\0\x0a8.0.36\0\x01\0\0\x0012345678\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\x00123456789012\0mysql_native_password\0';
