import { type AddressInfo, type Server, Socket, createServer } from 'node:net';
import { once } from 'node:events';
import { outboundGate } from './gate.js';
import type { OutboundSettings } from './policy.js';

const settings = (more: Partial<OutboundSettings> = {}): OutboundSettings => ({
  allow: [],
  deny: [],
  own: [],
  ...more,
});
const hardened = settings({ deny: ['private', 'loopback'] });

/** A gate over a stub resolver and a stub network: what was asked, and where it connected. */
function stub(policy: OutboundSettings, answers: Record<string, readonly (readonly string[])[]> = {}) {
  const asked: string[] = [];
  const connectedTo: (readonly string[])[] = [];
  const { dial } = outboundGate(policy, {
    here: () => ['127.0.0.1', '192.0.2.7'],
    resolve: async (name) => {
      asked.push(name);
      const all = answers[name] ?? [];
      return all[Math.min(asked.filter((each) => each === name).length, all.length) - 1] ?? [];
    },
    connect: (addresses) => {
      connectedTo.push(addresses);
      const socket = new Socket();
      setImmediate(() => socket.emit('connect'));
      return socket;
    },
  });
  const failure = (host: string, port = 5432): Promise<unknown> =>
    dial({ host, port }).then(
      () => 'connected',
      (error: unknown) => error,
    );
  return { asked, connectedTo, dial, failure };
}
const denied = { class: 'config', code: 'outbound-denied', path: ['host'] };

describe('[N2] every answer is judged, in every form', () => {
  test.each([
    ['169.254.169.254', /metadata/],
    ['fd00:ec2::254', /metadata/],
    ['100.100.100.200', /metadata/],
    ['192.0.0.192', /metadata/],
    ['::ffff:169.254.169.254', /metadata/],
    ['::ffff:a9fe:a9fe', /metadata/],
    ['64:ff9b::a9fe:a9fe', /metadata/],
    ['2002:a9fe:a9fe::1', /metadata/],
    ['::169.254.169.254', /metadata/],
    ['169.254.0.9', /link-local/],
    ['fe80::1', /link-local/],
    ['fe80::1%eth0', /link-local/],
    ['0.0.0.0', /unspecified/],
    ['0.1.2.3', /unspecified/],
    ['::', /unspecified/],
    ['224.0.0.1', /multicast/],
    ['ff02::1', /multicast/],
    ['255.255.255.255', /reserved/],
    ['192.0.0.8', /reserved/],
  ])(
    '%s is never a target, as a literal, behind a name, and whatever the operator allows',
    async (address, message) => {
      const open = stub(settings({ allow: ['any'] }), {
        'db.example': [['203.0.113.5', address]],
      });
      for (const host of [address, 'db.example']) {
        const error = await open.failure(host);
        expect(error).toMatchObject(denied);
        expect((error as Error).message).toMatch(message);
      }
      expect(open.connectedTo).toEqual([]);
    },
  );

  test.each([
    '127.0.0.1',
    '127.8.8.8',
    '::1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    'fd12::1',
    '::ffff:10.0.0.1',
  ])('%s is allowed on a laptop, and denied where the operator says so', async (address) => {
    expect(await stub(settings()).failure(address)).toBe('connected');
    expect(await stub(hardened).failure(address)).toMatchObject(denied);
    expect(await stub(settings({ deny: ['any'] })).failure(address)).toMatchObject(denied);
  });

  test.each(['172.32.0.1', '192.169.0.1', '100.128.0.1', '203.0.113.5', '2001:db8::1', '::ffff:203.0.113.5'])(
    '%s is a public address: a hardened gate lets it through',
    async (address) => expect(await stub(hardened).failure(address)).toBe('connected'),
  );

  test('the message says what kind of address it is, and not which: an internal name gives nothing away', async () => {
    const error = await stub(hardened, { 'intranet.example': [['10.9.8.7']] }).failure('intranet.example');
    expect((error as Error).message).toBe(
      'Connections to intranet.example:5432 are not allowed: it is in a network that the operator denies.',
    );
  });
});

describe('[N2] other ways to write an address are refused before any lookup', () => {
  test.each([
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '127.0.0.1.',
    '0x7f.1',
    '1.2.3.4.5',
    '[::1]',
    '[::ffff:127.0.0.1]',
    'good@127.0.0.1',
    'http://good@127.0.0.1',
    '127.0.0.1:80',
    'db.example/x',
    'db example',
    'db.example\0.evil',
    'db\n',
    '',
    '.',
    'a..b',
    '-x.example',
    '①②⑦.⓪.⓪.①.',
    '１２７.1',
    'db.example#x',
    '%31.example',
  ])('%j', async (host) => {
    const gate = stub(settings());
    expect(await gate.failure(host)).toMatchObject({ class: 'config', code: 'config-invalid', path: ['host'] });
    expect([gate.asked, gate.connectedTo]).toEqual([[], []]);
  });

  test('digits in other scripts are no name; international names are looked up in ASCII', async () => {
    const gate = stub(hardened, { 'xn--bcher-kva.example': [['203.0.113.5']] });
    expect(await gate.failure('①②⑦.⓪.⓪.①')).toMatchObject({ class: 'config', path: ['host'] });
    expect(await gate.failure('bücher.example')).toBe('connected');
    expect(gate.asked).toEqual(['xn--bcher-kva.example']);
  });
});

test('[N3] a name that answers otherwise the second time: one lookup, and the connection goes to what was judged', async () => {
  const gate = stub(hardened, { 'rebind.example': [['203.0.113.5'], ['127.0.0.1']] });
  expect(await gate.failure('rebind.example')).toBe('connected');
  expect([gate.asked, gate.connectedTo]).toEqual([['rebind.example'], [['203.0.113.5']]]);
});

test('[N4] each address that a server names is judged anew, whatever it was reached by', async () => {
  const gate = stub(hardened, { 'seed.example': [['203.0.113.5']], 'node.example': [['10.0.0.1']] });
  expect(await gate.failure('seed.example')).toBe('connected');
  expect(await gate.failure('node.example')).toMatchObject(denied);
  expect(gate.connectedTo).toEqual([['203.0.113.5']]);
});

test.each(['/var/run/postgresql', '/cloudsql/p:r:i', '@abstract', './x.sock', 'file:///etc/passwd', 'unix:/x'])(
  '[N5] %s is no host: there are no unix sockets',
  async (host) =>
    expect(await stub(settings({ allow: ['any'] })).failure(host)).toMatchObject({ code: 'config-invalid' }),
);
test.each([0, -1, 65_536, 1.5, NaN])('[N5] %d is no port', async (port) =>
  expect(await stub(settings()).failure('db.example', port)).toMatchObject({ class: 'config', path: ['port'] }),
);

describe("[N6] the operator's lists", () => {
  test('what is allowed is more than what is denied, by network, address, name and port', async () => {
    const gate = stub(
      settings({ deny: ['any'], allow: ['10.0.0.0/8:5432', 'fd00::5', '[fd00::6]:3306', 'db.internal:3306'] }),
      {
        'db.internal': [['192.168.5.5']],
      },
    );
    expect(await gate.failure('10.2.3.4')).toBe('connected');
    expect(await gate.failure('10.2.3.4', 3306)).toMatchObject(denied);
    expect(await gate.failure('fd00::5', 1)).toBe('connected');
    expect(await gate.failure('fd00::6', 3306)).toBe('connected');
    expect(await gate.failure('fd00::6')).toMatchObject(denied);
    expect(await gate.failure('192.168.5.5', 3306)).toBe('connected');
    expect(await gate.failure('192.168.5.5')).toMatchObject(denied);
    expect(await gate.failure('203.0.113.5')).toMatchObject(denied);
  });

  test("the platform's own servers are opened only by an entry with their port, and are found under every address they have", async () => {
    const own = ['catalog.internal:5432', '127.0.0.1:4222'];
    const answers = { 'catalog.internal': [['10.0.0.5']], 'alias.example': [['10.0.0.5']] };
    const gate = stub(settings({ own, allow: ['10.0.0.0/8', 'loopback'] }), answers);
    for (const host of ['10.0.0.5', 'alias.example', '::ffff:10.0.0.5'])
      expect(await gate.failure(host)).toMatchObject(denied);
    for (const host of ['127.0.0.1', '127.5.5.5', '::1', '192.0.2.7']) {
      expect(await gate.failure(host, 4222)).toMatchObject(denied);
      expect(await gate.failure(host, 3306)).toBe('connected');
    }
    expect(await gate.failure('10.0.0.5', 3306)).toBe('connected');
    expect(await stub(settings({ own, allow: ['10.0.0.5:5432'] }), answers).failure('alias.example')).toBe('connected');
  });

  test('an own server whose name cannot be looked up now closes the gate, and does not open it', async () => {
    const { dial } = outboundGate(settings({ own: ['catalog.internal:5432'] }), {
      resolve: () => Promise.reject(Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' })),
    });
    await expect(dial({ host: '203.0.113.5', port: 5432 })).rejects.toMatchObject({ code: 'EAI_AGAIN' });
  });

  test.each(['10.0.0.0/33', '10.0.0', '1.2.3.4:0', '1.2.3.4:99999', '[1.2.3.4]:1', 'http://x', 'a b', '*', ''])(
    '%j is refused by name',
    (entry) => {
      expect(() => outboundGate(settings({ deny: [entry] }))).toThrow(
        `SLUICE_OUTBOUND_DENY has ${JSON.stringify(entry)}`,
      );
    },
  );
});

describe('connecting for real', () => {
  let server: Server;
  let port = 0;
  beforeAll(async () => {
    server = createServer((socket) => void socket.on('error', () => undefined).end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => void server.close());

  test('a connected socket; of several addresses one that answers', async () => {
    for (const addresses of [['127.0.0.1'], ['::1', '127.0.0.1'], ['127.0.0.1', '::1']]) {
      const { dial } = outboundGate(settings(), { resolve: async () => addresses });
      const socket = await dial({ host: 'db.example', port });
      expect(socket.remoteAddress).toBe('127.0.0.1');
      const [hello] = (await once(socket, 'data')) as [Buffer];
      expect(hello.toString()).toBe('hello');
      socket.destroy();
    }
  });

  test("what fails has Node's own code: no such name, nobody listens, no answer in time", async () => {
    const { dial } = outboundGate(settings());
    await expect(dial({ host: 'no-such-host.invalid', port })).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/) as string,
    });
    await expect(outboundGate(settings(), { resolve: async () => [] }).dial({ host: 'x', port })).rejects.toMatchObject(
      { code: 'ENOTFOUND' },
    );
    await expect(dial({ host: '127.0.0.1', port: 1 })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const silent = { resolve: () => new Promise<never>(() => undefined), connect: () => new Socket() };
    await expect(outboundGate(settings(), silent).dial({ host: 'x.example', port, timeout: 20 })).rejects.toMatchObject(
      { code: 'ETIMEDOUT' },
    );
    await expect(outboundGate(settings(), silent).dial({ host: '127.0.0.1', port, timeout: 20 })).rejects.toMatchObject(
      { code: 'ETIMEDOUT' },
    );
  });
});
