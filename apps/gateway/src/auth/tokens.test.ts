/** Forged, stale and foreign credentials. Every row is a whole request to a started gateway. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPrivateKey, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto';
import { Harness, claims, errorBody, otherTenant, secret, sign, tenant } from '../../test/harness.js';
import { authSettings } from './settings.js';

const path = '/api/v1/sources';
const now = Math.floor(Date.now() / 1000);
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const good = sign(claims());
const unsigned = (alg: string): string => `${encode({ alg, typ: 'JWT' })}.${encode(claims())}.`;
const text = (claimsText: string): string => sign(claimsText);
const json = JSON.stringify(claims());

describe('tokens signed with a shared secret', () => {
  let api: Harness;
  beforeAll(async () => {
    api = await Harness.start();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  test('a good token is let in, with either case of the scheme and the tenant', async () => {
    expect((await api.get(path)).status).toBe(200);
    expect((await api.get(path, { token: null, headers: { authorization: `bearer ${good}` } })).status).toBe(200);
  });

  const forged: readonly (readonly [string, string])[] = [
    ['alg none', unsigned('none')],
    ['alg None', unsigned('None')],
    ['alg nOnE', unsigned('nOnE')],
    ['no signature', good.split('.').slice(0, 2).join('.')],
    ['an empty signature', `${good.split('.').slice(0, 2).join('.')}.`],
    ['another secret', sign(claims(), undefined, 'x'.repeat(32))],
    ['a truncated signature', good.slice(0, -4)],
    ['a changed claim', [good.split('.')[0], encode(claims({ sub: 'eve' })), good.split('.')[2]].join('.')],
    ['alg HS512, rightly signed for HS256', sign(claims(), { alg: 'HS512' })],
    ['alg RS256', sign(claims(), { alg: 'RS256' })],
    ['kid with a path', sign(claims(), { alg: 'HS256', kid: '../../dev/null' }, '\0')],
    ['kid with SQL', sign(claims(), { alg: 'HS256', kid: "' UNION SELECT 'x" }, 'x')],
    ['kid with an address', sign(claims(), { alg: 'HS256', kid: 'http://127.0.0.1:1/k' }, 'x')],
    ['an embedded key', sign(claims(), { alg: 'HS256', jwk: { kty: 'oct', k: encode('x') } }, 'x')],
    ['jku', sign(claims(), { alg: 'HS256', jku: 'http://127.0.0.1:1/jwks' }, 'x')],
    ['an unknown critical header', sign(claims(), { alg: 'HS256', crit: ['x'], x: 1 })],
    ['no audience', sign(claims({ aud: undefined }))],
    ['a wrong audience', sign(claims({ aud: 'other' }))],
    ['no issuer', sign(claims({ iss: undefined }))],
    ['a wrong issuer', sign(claims({ iss: 'https://evil.example' }))],
    ['no expiry', sign(claims({ exp: undefined }))],
    ['an expiry that is no number', sign(claims({ exp: '9999999999' }))],
    ['not yet valid', sign(claims({ nbf: now + 120 }))],
    ['a life of ten years', sign(claims({ exp: now + 10 * 365 * 86_400 }))],
    ['no tenant', sign(claims({ tenant_id: undefined }))],
    ['a tenant that is no UUID', sign(claims({ tenant_id: '*' }))],
    ['a claim twice', text(json.replace('{', `{"tenant_id":"${otherTenant}",`))],
    ['a header twice', sign(claims(), '{"alg":"none","alg":"HS256"}')],
    ['claims that are no object', sign('[]')],
    ['not a token', 'abc'],
    ['12 kB', `${good}${'A'.repeat(12_000)}`],
  ];
  test.each(forged)('%s: 401', async (_, token) => {
    const answer = await api.get(path, { token });
    expect(answer.body).toEqual(
      errorBody(401, 'Unauthorized', expect.stringMatching(/^The (token|Authorization)/), path),
    );
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="sluice"');
    if (token.length > 40) expect(api.logged.join()).not.toContain(token.slice(-40));
  });

  test('expired, beyond and within the leeway', async () => {
    expect((await api.get(path, { token: sign(claims({ exp: now - 120 })) })).body).toEqual(
      errorBody(401, 'Unauthorized', 'The token has expired', path),
    );
    expect((await api.get(path, { token: sign(claims({ exp: Math.floor(Date.now() / 1000) - 5 })) })).status).toBe(200);
  });

  test('a remembered token is refused once it has expired', async () => {
    const token = sign(claims({ exp: Math.floor(Date.now() / 1000) - 27 })); // 3 s of leeway are left
    expect((await api.get(path, { token })).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 4000));
    expect((await api.get(path, { token })).status).toBe(401);
  });

  test('a header of 1 MB never gets in', async () => {
    const outcome = await api.get(path, { token: 'a'.repeat(1024 * 1024) }).then(
      ({ status }) => status,
      () => 'cut off',
    );
    expect([431, 'cut off']).toContain(outcome);
  });

  test.each([
    [{}, 'A bearer token (Authorization) or an API key (X-API-Key) is required'],
    [{ authorization: 'Basic YTpi' }, 'The Authorization header must be "Bearer <token>"'],
    [{ authorization: 'Bearer' }, 'The Authorization header must be "Bearer <token>"'],
    [{ authorization: 'Bearer a b' }, 'The Authorization header must be "Bearer <token>"'],
    [{ 'x-api-key': 'short' }, 'The API key is not valid'],
    [{ 'x-api-key': 'sk_00000000000000000000000000000000' }, 'The API key is not valid'],
  ])('no credential, or one that cannot be read: %j', async (headers, message) => {
    expect((await api.get(path, { token: null, headers })).body).toEqual(errorBody(401, 'Unauthorized', message, path));
  });

  test('the body of a stranger is not read', async () => {
    expect((await api.post(path, undefined, { token: null, raw: '{' })).status).toBe(401);
  });

  test.each([
    [null, 400, 'The X-Tenant-Id header is required'],
    ['acme', 400, 'The X-Tenant-Id header must be a UUID'],
    [`${tenant}, ${tenant}`, 400, 'The X-Tenant-Id header must be a UUID'],
    [otherTenant, 403, 'The credential is not for the tenant of the X-Tenant-Id header'],
  ])('X-Tenant-Id %j: %d', async (tenantId, status, message) => {
    const { body } = await api.get(path, { tenantId });
    expect(body).toEqual(errorBody(status, status === 400 ? 'Bad Request' : 'Forbidden', message, path));
  });

  test('permissions: claim or scope; readers read, managers do all but keys, administrators do all', async () => {
    const as = async (more: Record<string, unknown>): Promise<number[]> => {
      const token = sign(claims({ permissions: undefined, ...more }));
      const answers = [
        await api.get(path, { token }),
        await api.post(path, {}, { token }),
        await api.get('/api/v1/api-keys', { token }),
      ];
      return answers.map(({ status }) => status);
    };
    expect(await as({})).toEqual([403, 403, 403]);
    expect(await as({ permissions: ['data:other'] })).toEqual([403, 403, 403]);
    expect(await as({ permissions: ['data:ingestion:read'] })).toEqual([200, 403, 403]);
    expect(await as({ scope: 'openid data:ingestion:read' })).toEqual([200, 403, 403]);
    expect(await as({ permissions: ['data:ingestion:manage'] })).toEqual([200, 400, 403]);
    expect(await as({ permissions: ['admin'] })).toEqual([200, 400, 200]);
    expect(await as({ permissions: 'admin' })).toEqual([403, 403, 403]);
    const token = sign(claims({ permissions: ['data:ingestion:read'] }));
    expect((await api.post(path, {}, { token })).body).toEqual(
      errorBody(403, 'Forbidden', 'The permission data:ingestion:manage is required', path),
    );
  });

  test('an API key, in either header, acts for its tenant only and ends with its revocation', async () => {
    const made = await api.post('/api/v1/api-keys', { name: 'reader', permissions: ['data:ingestion:read'] });
    const { id, key } = made.body as { id: string; key: string };
    const by = (headers: Record<string, string>, tenantId = tenant): Promise<number> =>
      api.get(path, { token: null, tenantId, headers }).then(({ status }) => status);
    expect(await by({ 'x-api-key': key })).toBe(200);
    expect(await by({ authorization: `Bearer ${key}` })).toBe(200);
    expect(await by({ 'x-api-key': key }, otherTenant)).toBe(403);
    expect((await api.post(path, {}, { token: null, headers: { 'x-api-key': key } })).status).toBe(403);
    const asked = api.catalog.count('catalog.keys.verify');
    expect(await by({ 'x-api-key': key })).toBe(200);
    expect(api.catalog.count('catalog.keys.verify')).toBe(asked); // remembered
    expect((await api.remove(`/api/v1/api-keys/${id}`)).status).toBe(204);
    const later = Date.now() + 10_001;
    const clock = jest.spyOn(Date, 'now').mockReturnValue(later);
    try {
      expect(await by({ 'x-api-key': key })).toBe(401);
    } finally {
      clock.mockRestore();
    }
    expect(api.logged.join()).not.toContain(key);
  });
});

describe('tokens signed with published keys', () => {
  let api: Harness;
  let issuer: Server;
  let asked = 0;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const strange = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwks = {
    keys: [
      { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' },
      { ...ec.publicKey.export({ format: 'jwk' }), kid: 'two', alg: 'ES256', use: 'sig' },
    ],
  };
  const signed = (header: Record<string, unknown>, key: KeyObject, more: Record<string, unknown> = {}): string => {
    const body = `${encode(header)}.${encode(claims(more))}`;
    const ieee = key.asymmetricKeyType === 'ec' ? { dsaEncoding: 'ieee-p1363' as const } : {};
    return `${body}.${signBytes('sha256', Buffer.from(body), { key, ...ieee }).toString('base64url')}`;
  };

  beforeAll(async () => {
    issuer = createServer((_, response) => {
      asked++;
      response.setHeader('content-type', 'application/json').end(JSON.stringify(jwks));
    });
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`;
    api = await Harness.start({ auth: authSettings({ SLUICE_JWKS_URL: url }) });
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    issuer.close();
  });

  test('RS256 and ES256 are let in, and the keys are read once', async () => {
    expect((await api.get(path, { token: signed({ alg: 'RS256', kid: 'one' }, rsa.privateKey) })).status).toBe(200);
    expect((await api.get(path, { token: signed({ alg: 'ES256', kid: 'two' }, ec.privateKey) })).status).toBe(200);
    expect(asked).toBe(1);
  });

  const pem = rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  test.each([
    ['HS256 with the public key as its secret', sign(claims(), { alg: 'HS256', kid: 'one' }, pem)],
    ['HS256 with the secret', sign(claims(), { alg: 'HS256' }, secret)],
    ['none', `${encode({ alg: 'none', kid: 'one' })}.${encode(claims())}.`],
    ['RS512', signed({ alg: 'RS512', kid: 'one' }, rsa.privateKey)],
    ['a key of the other algorithm', signed({ alg: 'ES256', kid: 'one' }, ec.privateKey)],
    ['an unknown kid', signed({ alg: 'RS256', kid: 'three' }, strange.privateKey)],
    ['a known kid and another key', signed({ alg: 'RS256', kid: 'one' }, strange.privateKey)],
    [
      'an embedded key',
      signed({ alg: 'RS256', kid: 'x', jwk: strange.publicKey.export({ format: 'jwk' }) }, strange.privateKey),
    ],
    ['expired', signed({ alg: 'RS256', kid: 'one' }, rsa.privateKey, { exp: now - 100 })],
    ['another audience', signed({ alg: 'RS256', kid: 'one' }, rsa.privateKey, { aud: 'x' })],
  ])('%s: 401', async (_, token) => expect((await api.get(path, { token })).status).toBe(401));

  test('keys that cannot be read are a 503, not a 401', async () => {
    const lost = await Harness.start({ auth: authSettings({ SLUICE_JWKS_URL: 'http://127.0.0.1:1/jwks' }) });
    try {
      const answer = await lost.get(path, {
        token: signed(
          { alg: 'RS256', kid: 'one' },
          createPrivateKey(rsa.privateKey.export({ format: 'pem', type: 'pkcs8' })),
        ),
      });
      expect(answer.body).toEqual(
        errorBody(503, 'Service Unavailable', "The token issuer's keys cannot be read now; try again", path),
      );
    } finally {
      await lost[Symbol.asyncDispose]();
    }
  });
});

describe('who may sign is checked at start', () => {
  test.each([
    [{}, 'SLUICE_JWT_SECRET is not set, nor is SLUICE_JWKS_URL'],
    [{ SLUICE_JWT_SECRET: 'x'.repeat(31) }, 'SLUICE_JWT_SECRET has 31 bytes; at least 32'],
    [{ SLUICE_JWT_SECRET: 'x'.repeat(64) }, 'SLUICE_JWT_SECRET repeats a few characters'],
    [{ SLUICE_JWT_SECRET: secret, SLUICE_JWKS_URL: 'https://a.example' }, 'are both set'],
    [{ SLUICE_JWKS_URL: 'http://a.example' }, 'SLUICE_JWKS_URL must be an https address'],
    [{ SLUICE_JWKS_URL: 'file:///etc/passwd' }, 'SLUICE_JWKS_URL must be an https address'],
  ])('%j', (env, message) => expect(() => authSettings(env)).toThrow(message));
});
