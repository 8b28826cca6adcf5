/** Whatever goes wrong, the body is the one of the specification. */
import { connect } from 'node:net';
import { conflict, forbidden, invalid, notFound, unavailable } from '@sluice/messages';
import { Harness, errorBody } from '../../test/harness.js';

const path = '/api/v1/sources';
const body = { name: 'n', connectorType: 'postgres', connectionConfig: {} };

describe('errors', () => {
  let api: Harness;
  beforeAll(async () => {
    api = await Harness.start();
  });
  afterAll(() => api[Symbol.asyncDispose]());
  beforeEach(() => {
    api.catalog.endpoints.clear();
    api.catalog.failing.clear();
  });
  const raw = (text: string | Uint8Array, headers: Record<string, string> = {}): ReturnType<Harness['post']> =>
    api.post(path, undefined, { raw: text, headers });

  test.each([
    ['{"name":', 'Malformed JSON in the request body'],
    ['{"name": "a",}', 'Malformed JSON in the request body at character 14'],
    ['nope', 'Malformed JSON in the request body'],
    ['[]', 'The request body must be a JSON object'],
    ['"text"', 'The request body must be a JSON object'],
    ['null', 'The request body must be a JSON object'],
    ['', 'A request body is required'],
    ['{"name":"a\\u0000b"}', 'The request body has a NUL character in a text'],
    ['{"name":"\\ud800"}', 'The request body has half of a surrogate pair in a text'],
    [`{"connectionConfig":${'['.repeat(50)}${']'.repeat(50)}}`, 'The request body is nested more than 32 levels deep'],
    [
      `{"connectionConfig":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
      'The request body is nested more than 32 levels deep',
    ],
    ['{"__proto__":{"polluted":1}}', 'The key "__proto__" is not allowed in a request body'],
    [
      '{"name":"n","connectionConfig":{"a":{"__proto__":{"polluted":1}}}}',
      'The key "__proto__" is not allowed in a request body',
    ],
    [
      '{"constructor":{"prototype":{"polluted":1}},"name":"n","connectorType":"postgres","connectionConfig":{}}',
      'Unknown field "constructor"; allowed are name, description, connectorType, connectionConfig',
    ],
  ])('400 for the body %#', async (text, message) => {
    const answer = await raw(text);
    expect(answer.body).toEqual({ ...errorBody(400, 'Bad Request', expect.stringContaining(message), path) });
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(api.catalog.endpoints.size).toBe(0);
  });

  test('400 for a body that is not UTF-8', async () => {
    expect((await raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).body).toEqual(
      errorBody(400, 'Bad Request', 'Malformed request body: it is not UTF-8', path),
    );
  });

  test.each([
    `Robert'); DROP TABLE sources;--`,
    '"quoted" `ticks` \\back',
    'emoji 😀 and ﷽ and 日本語',
    'x'.repeat(64),
    'x'.repeat(255),
    '__proto__',
    'constructor',
    '${jndi:ldap://x}',
    '<script>alert(1)</script>',
    '../../etc/passwd',
  ])('a hostile name is data: %j', async (name) => {
    const connectionConfig = { constructor: { name }, toString: name, [name === '__proto__' ? 'k' : name]: 1 };
    const made = await api.post(path, { ...body, name, connectionConfig });
    expect(made.body).toMatchObject({ name, status: 'INACTIVE' });
    const { id } = made.body as { id: string };
    expect((await api.get(`${path}/${id}`)).body).toMatchObject({ name });
    expect(api.catalog.configs.get(id)).toEqual(connectionConfig);
  });
  test.each(['a\nb', 'a\u001bb', 'a\u007fb'])('a name with a control character is refused: %j', async (name) => {
    expect((await api.post(path, { ...body, name })).body).toMatchObject({
      status: 400,
      message: 'Source name must not have control characters',
    });
  });

  test('413 for a body over the limit, told before it is read', async () => {
    const big = JSON.stringify({ ...body, description: 'x'.repeat(10 * 1024 * 1024) });
    expect((await raw(big)).body).toEqual(
      errorBody(413, 'Payload Too Large', `The request body has ${big.length} bytes; at most 1048576 are read`, path),
    );
    expect((await api.get(path)).status).toBe(200);
  });

  test('413 for a body of unknown length that grows too large', async () => {
    const outcome = await chunked(api.url, path, api, 3 * 1024 * 1024);
    expect(outcome).toMatch(/^HTTP\/1\.1 413 /);
    expect(JSON.parse(outcome.slice(outcome.indexOf('{'), outcome.lastIndexOf('}') + 1))).toEqual(
      errorBody(413, 'Payload Too Large', 'The request body is too large', path),
    );
  });

  test.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['multipart/form-data; boundary=x'],
    ['application/xml'],
  ])('415 for %s', async (type) => {
    expect((await raw('{}', { 'content-type': type })).body).toEqual(
      errorBody(415, 'Unsupported Media Type', 'The body must be JSON: send Content-Type: application/json', path),
    );
  });
  test('415 for a compressed body', async () => {
    expect((await raw('{}', { 'content-encoding': 'gzip' })).body).toMatchObject({
      status: 415,
      message: expect.stringContaining('Compressed'),
    });
  });
  test('a charset with the type is fine', async () => {
    expect((await raw(JSON.stringify(body), { 'content-type': 'application/json; charset=utf-8' })).status).toBe(201);
  });

  test.each([
    ['PATCH', path, 'GET, POST'],
    ['DELETE', path, 'GET, POST'],
    ['POST', `${path}/connector-types`, 'GET'],
    ['PATCH', `${path}/a1b2c3d4-e5f6-7890-abcd-ef1234567890`, 'DELETE, GET, PUT'],
    ['GET', '/api/v1/syncs/connections/a1b2c3d4-e5f6-7890-abcd-ef1234567890/trigger', 'POST'],
    ['OPTIONS', '/api/v1/connections', 'GET, POST'],
    ['PUT', '/livez', 'GET'],
  ])('405 for %s %s, which takes %s', async (method, at, allow) => {
    const answer = await api.send(method, at);
    expect(answer.body).toEqual(
      errorBody(405, 'Method Not Allowed', `${method} is not possible here; use ${allow}`, at),
    );
    expect(answer.headers.get('allow')).toBe(allow);
  });

  test.each(['/', '/api/v1', '/api/v1/nothing', '/api/v1/files/formats', '/api/v2/sources', '/docs/nothing.html'])(
    '404 for %s',
    async (at) => {
      expect((await api.get(at)).body).toEqual(errorBody(404, 'Not Found', 'There is nothing at this address', at));
    },
  );
  test('a slash at the end changes nothing', async () => {
    expect((await api.get(`${path}/`)).body).toEqual([]);
    expect((await api.send('PATCH', `${path}/`)).headers.get('allow')).toBe('GET, POST');
  });
  test('the query is no part of the path', async () => {
    expect((await api.get('/nothing?token=x')).body).toEqual(
      errorBody(404, 'Not Found', 'There is nothing at this address', '/nothing'),
    );
  });

  test.each([
    [
      invalid('bad', 'the host does not resolve', { fix: 'correct the host name' }),
      400,
      'Bad Request',
      'The host does not resolve; to fix it: correct the host name',
    ],
    [notFound('x', 'source not found'), 404, 'Not Found', 'Source not found'],
    [conflict('x', 'it is busy'), 409, 'Conflict', 'It is busy'],
    [forbidden('x', 'not yours'), 403, 'Forbidden', 'Not yours'],
    [unavailable('x', 'the database is starting'), 503, 'Service Unavailable', 'The database is starting'],
    [
      new TypeError('password=hunter2 at /app/secret.js:1'),
      500,
      'Internal Server Error',
      'An unexpected error; the log has its cause',
    ],
  ])('a failure of the catalog, %#, is a %d', async (error, status, name, message) => {
    api.catalog.failing.set('catalog.endpoints.list', error);
    const answer = await api.get(path);
    expect(answer.body).toEqual(errorBody(status, name, message, path));
    expect(answer.text).not.toMatch(/hunter2|\.js|\.ts|at /);
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '1' : null);
  });

  test('503 when no catalog is there', async () => {
    await api.catalog[Symbol.asyncDispose]();
    const answer = await api.get(path);
    expect(answer.body).toEqual(errorBody(503, 'Service Unavailable', 'The catalog service is not running', path));
  });

  test.each([
    ['GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 400, 'The address is not a valid URL'],
    ['NONSENSE\r\n\r\n', 400, 'The request is not valid HTTP'],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`, 431, 'The request headers are too large'],
  ])('what is not even a request has the body too: %#', async (text, status, message) => {
    const answer = await exchange(api.url, text);
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status, message });
  });

  test('headers: security, request id, no CORS, no sniffing', async () => {
    const { headers } = await api.get('/livez', {
      headers: { 'x-request-id': 'abc-1', origin: 'https://evil.example' },
    });
    expect(headers.get('x-request-id')).toBe('abc-1');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    const odd = await api.get('/livez', { headers: { 'x-request-id': 'a b;c' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });
});

/** Sends raw bytes and gives all that comes back. */
function exchange(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

/** A POST in chunks, written until the server has answered or `bytes` are through. */
async function chunked(url: string, at: string, api: Harness, bytes: number): Promise<string> {
  const { hostname, port } = new URL(url);
  const { sign, claims, tenant } = await import('../../test/harness.js');
  const head = `POST ${at} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${sign(claims())}\r\nx-tenant-id: ${tenant}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let sent = 0;
    const socket = connect(Number(port), hostname, () => socket.write(head, next));
    const next = (): void => {
      if (sent >= bytes || chunks.length > 0 || socket.destroyed) return;
      sent += 65_536;
      socket.write(`10000\r\n${'x'.repeat(65_536)}\r\n`, next);
    };
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      setTimeout(() => socket.destroy(), 100);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}
