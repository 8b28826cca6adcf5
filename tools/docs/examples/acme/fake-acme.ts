import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SourcePeer } from '@sluice/connector-kit';
import type { Contact } from './acme-client.js';

/** The API, as far as the source uses it, with a peer for the kit: it knows what is in there, and can drop a request. */
export class FakeAcme {
  readonly key = 'key-of-the-fake';
  readonly #server: Server;
  #count = 0;
  #fetched = 0;
  #drop = false;

  constructor() {
    this.#server = createServer((request, response) => {
      if (this.#drop) {
        this.#drop = false;
        return request.socket.destroy();
      }
      if (request.headers.authorization !== `Bearer ${this.key}`) return response.writeHead(401).end();
      response.end(JSON.stringify(this.#answer(new URL(request.url ?? '/', 'http://fake'))));
    });
  }
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }
  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #answer({ pathname, searchParams }: URL): unknown {
    if (pathname === '/contacts/last') return { id: this.#count };
    const number = (name: string) => Number(searchParams.get(name));
    const last = Math.min(number('until'), number('after') + number('limit'), this.#count);
    const page = Array.from({ length: Math.max(0, last - number('after')) }, (_, i) => contact(number('after') + i));
    this.#fetched += page.length;
    return page;
  }

  readonly peer: SourcePeer = {
    fixed: {
      stream: 'contacts',
      hold: async (n) => void (this.#count = n),
      row: (n) => [
        n + 1,
        contact(n).email,
        contact(n).updatedAt.replace('T', ' ').replace('.000', '').replace('50Z', '5Z'),
      ],
    },
    cut: async () => void (this.#drop = true),
    fetched: () => this.#fetched,
  };
}

/** The nth, from 0: some have no email, some a fraction of a second. */
const contact = (n: number): Contact => ({
  id: n + 1,
  email: n % 5 === 0 ? null : `person${n}@example.com`,
  updatedAt: new Date(Date.UTC(2024, 0, 1) + n * 60_250).toISOString(),
});
