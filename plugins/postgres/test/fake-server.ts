/** A PostgreSQL server that speaks no further than the login: it asks for the password in clear, with or without TLS. */
import { type AddressInfo, type Socket, createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { certificate, key } from './certificate.js';

export interface FakeServer extends AsyncDisposable {
  readonly port: number;
  /** All that clients sent, TLS taken off. */
  received(): string;
}

const askForPassword = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const sslRequest = 80877103;

export async function fakeServer({ tls }: { tls: boolean }): Promise<FakeServer> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const talk = (socket: Socket): void => {
    let greeted = false;
    socket.on('data', (data: Buffer) => {
      received.push(data);
      if (!greeted) socket.write(askForPassword);
      else socket.destroy();
      greeted = true;
    });
    socket.on('error', () => undefined);
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (data: Buffer) => {
      if (data.length === 8 && data.readInt32BE(4) === sslRequest) {
        socket.write(tls ? 'S' : 'N');
        talk(tls ? new TLSSocket(socket, { isServer: true, key, cert: certificate }) : socket);
        return;
      }
      talk(socket);
      socket.emit('data', data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received: () => Buffer.concat(received).toString('latin1'),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
