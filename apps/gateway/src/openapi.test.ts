/** The documents against the checklist of operations, the role table and the server's real routes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { roleTable } from './auth/role-table.js';
import { Harness, claims, sign, otherTenant } from '../test/harness.js';
import { openApiText } from './openapi.js';

interface Schema {
  readonly properties?: Record<string, { enum?: string[]; nullable?: boolean }>;
  readonly required?: string[];
}
interface Documented {
  readonly summary?: string;
  readonly description?: string;
  readonly security?: Record<string, unknown>[];
  readonly requestBody?: {
    content: Record<string, { schema: { $ref: string }; examples?: Record<string, { value: unknown }> }>;
  };
  readonly responses: Record<string, { content?: Record<string, { schema?: unknown; example?: unknown }> }>;
  readonly parameters?: { name: string; in: string; required: boolean }[];
}
interface Document {
  readonly paths: Record<string, Record<string, Documented>>;
  readonly components: { schemas: Record<string, Schema>; securitySchemes: Record<string, unknown> };
}
const checklist: Readonly<Record<string, [status: string, answer: string]>> = {
  'POST /api/v1/sources': ['201', 'SourceResponse'],
  'GET /api/v1/sources/{sourceId}': ['200', 'SourceResponse'],
  'GET /api/v1/sources': ['200', 'SourceResponse'],
  'PUT /api/v1/sources/{sourceId}': ['200', 'SourceResponse'],
  'DELETE /api/v1/sources/{sourceId}': ['204', ''],
  'POST /api/v1/sources/{sourceId}/test': ['200', 'SourceResponse'],
  'POST /api/v1/sources/{sourceId}/discover': ['200', 'DiscoverResponse'],
  'GET /api/v1/sources/connector-types': ['200', ''],
  'POST /api/v1/connections': ['201', 'ConnectionResponse'],
  'GET /api/v1/connections/{connectionId}': ['200', 'ConnectionResponse'],
  'GET /api/v1/connections': ['200', 'ConnectionResponse'],
  'PUT /api/v1/connections/{connectionId}': ['200', 'ConnectionResponse'],
  'DELETE /api/v1/connections/{connectionId}': ['204', ''],
  'POST /api/v1/syncs/connections/{connectionId}/trigger': ['202', 'SyncResponse'],
  'POST /api/v1/syncs/{syncId}/cancel': ['204', ''],
  'GET /api/v1/syncs/{syncId}': ['200', 'SyncResponse'],
  'GET /api/v1/syncs': ['200', 'SyncPage'],
  'GET /api/v1/sources/{sourceId}/findings': ['200', 'FindingsResponse'],
  'GET /api/v1/connections/{connectionId}/settings': ['200', 'ConnectionSettingsResponse'],
  'POST /api/v1/connections/{connectionId}/reset': ['200', 'ConnectionResetResponse'],
  'GET /api/v1/syncs/{syncId}/streams': ['200', 'SyncStreamResponse'],
  'GET /api/v1/syncs/{syncId}/events': ['200', ''],
  'GET /api/v1/connectors': ['200', 'ConnectorResponse'],
  'POST /api/v1/destinations': ['201', 'DestinationResponse'],
  'GET /api/v1/destinations': ['200', 'DestinationResponse'],
  'GET /api/v1/destinations/{destinationId}': ['200', 'DestinationResponse'],
  'PUT /api/v1/destinations/{destinationId}': ['200', 'DestinationResponse'],
  'DELETE /api/v1/destinations/{destinationId}': ['204', ''],
  'POST /api/v1/destinations/{destinationId}/test': ['200', 'DestinationResponse'],
  'POST /api/v1/api-keys': ['201', 'NewApiKeyResponse'],
  'GET /api/v1/api-keys': ['200', 'ApiKeyResponse'],
  'DELETE /api/v1/api-keys/{keyId}': ['204', ''],
};
const fields: Readonly<Record<string, string>> = {
  SourceResponse: 'id name description connectorType status lastTestedAt createdAt',
  ConnectionResponse: 'id sourceId sourceName name destinationType syncSchedule syncMode status lastSyncAt createdAt',
  SyncResponse:
    'id connectionId connectionName status recordsSynced bytesSynced startedAt completedAt durationMs errorMessage',
  SyncPage: 'content totalElements totalPages number size',
  StreamResponse: 'name columns supportedSyncModes key cursorCandidates suggestedCursor',
  ColumnResponse: 'name type nullable sampleValues',
  CreateSourceRequest: 'name description connectorType connectionConfig',
  ConnectionRequest:
    'sourceId name destinationType destinationId syncSchedule selectedStreams streams syncMode options',
  ErrorResponse: 'timestamp status error message path',
};

describe('the OpenAPI document', () => {
  let text: string;
  let document: Document;
  beforeAll(async () => {
    text = await openApiText();
    document = JSON.parse(text) as Document;
  });
  const operations = (): [string, Documented][] =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, one]): [string, Documented] => [`${method.toUpperCase()} ${path}`, one]),
    );

  test('every reference leads somewhere', () => {
    const known = Object.keys((JSON.parse(text) as { components: { schemas: object } }).components.schemas);
    const wanted = [...text.matchAll(/"\$ref": "#\/components\/schemas\/([^"]*)"/g)].map(([, name]) => name!);
    expect(wanted.length).toBeGreaterThan(100);
    expect(wanted.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('docs/openapi.json is what the code says', () => {
    expect(readFileSync(join(__dirname, '../../../docs/openapi.json'), 'utf8')).toBe(text);
  });

  test('every operation of the checklist is there, and nothing else', () => {
    expect(
      operations()
        .map(([name]) => name)
        .sort(),
    ).toEqual(Object.keys(checklist).sort());
  });

  test.each(Object.entries(checklist))('%s', (name, [status, answer]) => {
    const one = operations().find(([known]) => known === name)![1];
    expect(one.summary).toMatch(/^[A-Z].+[^.]$/);
    expect(one.description).toMatch(/^[A-Z].+\.$/s);
    const success = one.responses[status];
    expect(success).toBeDefined();
    if (answer !== '') expect(JSON.stringify(success)).toContain(`#/components/schemas/${answer}"`);
    if (status !== '204') expect(Object.values(success?.content ?? {})[0]?.example).toBeDefined();
    const errors = Object.keys(one.responses).filter((code) => Number(code) >= 400);
    expect(errors).toEqual(expect.arrayContaining(['401', '403', '500', '503']));
    if (name.includes('{')) expect(errors).toEqual(expect.arrayContaining(['400', '404']));
    if (one.requestBody) expect(errors).toEqual(expect.arrayContaining(['400', '413', '415']));
    for (const code of errors) {
      const content = one.responses[code]?.content?.['application/json'];
      expect(content?.schema).toEqual({ $ref: '#/components/schemas/ErrorResponse' });
      expect(content?.example).toMatchObject({ status: Number(code), message: expect.any(String) });
    }
  });

  test.each(Object.entries(fields))('%s has exactly its fields', (name, expected) => {
    expect(Object.keys(document.components.schemas[name]?.properties ?? {}).sort()).toEqual(expected.split(' ').sort());
  });

  test('enums, required fields, security', () => {
    const property = (schema: string, name: string): { enum?: string[]; nullable?: boolean } | undefined =>
      document.components.schemas[schema]?.properties?.[name];
    expect(property('SourceResponse', 'status')?.enum).toEqual(['INACTIVE', 'ACTIVE', 'ERROR']);
    expect(property('ConnectionResponse', 'status')?.enum).toEqual(['PENDING', 'ACTIVE', 'PAUSED', 'ERROR']);
    expect(property('ConnectionRequest', 'syncMode')?.enum).toEqual(['FULL_REFRESH', 'INCREMENTAL', 'CDC']);
    expect(property('SyncResponse', 'status')?.enum).toEqual(['RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED']);
    expect(property('ColumnResponse', 'type')?.enum).toEqual([
      'INTEGER',
      'DECIMAL',
      'STRING',
      'DATE',
      'TIMESTAMP',
      'BOOLEAN',
    ]);
    expect(document.components.schemas['CreateSourceRequest']?.required).toEqual([
      'name',
      'connectorType',
      'connectionConfig',
    ]);
    expect(document.components.schemas['ConnectionRequest']?.required).toEqual(['sourceId', 'name']);
    expect(Object.keys(document.components.securitySchemes).sort()).toEqual(['apiKey', 'bearer', 'tenant']);
    expect(document.paths['/api/v1/sources']?.['get']?.security).toEqual(
      expect.arrayContaining([
        { bearer: [], tenant: [] },
        { apiKey: [], tenant: [] },
      ]),
    );
    expect(document.paths['/api/v1/sources/connector-types']?.['get']?.security).toEqual(
      expect.arrayContaining([{ bearer: [] }, { apiKey: [] }]),
    );
  });
});

describe('the routes of the server', () => {
  let api: Harness;
  beforeAll(async () => {
    api = await Harness.start();
  });
  afterAll(() => api[Symbol.asyncDispose]());

  test('the role table has every route, and no other', () => {
    expect(api.gateway.routes.all()).toEqual(Object.keys(roleTable).sort());
  });

  const rows = Object.entries(roleTable).filter(([, { needs }]) => needs !== 'public');
  const filled = (route: string): [string, string] => {
    const [method = '', url = ''] = route.split(' ');
    return [method, url.replace(/:\w+/g, 'a1b2c3d4-e5f6-7890-abcd-ef1234567890')];
  };
  const send = (route: string, permissions: string[], tenantId?: string): Promise<number> => {
    const [method, path] = filled(route);
    return api
      .send(method, path, undefined, {
        token: sign(claims({ permissions })),
        ...(tenantId !== undefined && { tenantId }),
      })
      .then(({ status }) => status);
  };
  test.each(rows)('%s asks for what the table says', async (route, { needs, tenant }) => {
    const [method, path] = filled(route);
    expect((await api.send(method, path, undefined, { token: null })).status).toBe(401);
    expect(await send(route, [])).toBe(403);
    const rights = { read: 'data:ingestion:read', manage: 'data:ingestion:manage', admin: 'admin' };
    const order = ['read', 'manage', 'admin'] as const;
    for (const role of order)
      expect([role, (await send(route, [rights[role]])) === 403]).toEqual([
        role,
        order.indexOf(role) < order.indexOf(needs as 'read'),
      ]);
    if (tenant) expect(await send(route, ['admin'], otherTenant)).toBe(403);
  });

  test('every ready-made body can be sent as it is', async () => {
    const { paths } = JSON.parse(await openApiText()) as Document;
    const sent: string[] = [];
    for (const [path, methods] of Object.entries(paths))
      for (const [method, { requestBody }] of Object.entries(methods)) {
        if (requestBody === undefined) continue;
        const { schema, examples = {} } = requestBody.content['application/json']!;
        expect(schema.$ref).toMatch(/Request$/);
        expect(Object.keys(examples)).toEqual(['ready']);
        const body = examples['ready']!.value;
        expect(JSON.stringify(body)).not.toContain('***');
        const at = path.replace(/\{\w+\}/g, 'a1b2c3d4-e5f6-7890-abcd-ef1234567890');
        const answer = await api.send(method.toUpperCase(), at, body);
        sent.push(`${method} ${path}`);
        // Whatever they name is not there; their shape is right.
        expect([`${method} ${path}`, answer.body, [201, 404].includes(answer.status)]).toEqual([
          `${method} ${path}`,
          answer.body,
          true,
        ]);
      }
    expect(sent).toHaveLength(7);
  });

  test('Swagger UI is served from here, asks nothing of others, and offers every way to authorize', async () => {
    const open = { token: null, tenantId: null };
    const page = await api.get('/docs', open);
    expect(page.status).toBe(200);
    expect(page.text).not.toMatch(/(src|href)=["']?(https?:)?\/\//);
    const init = await api.get('/docs/swagger-ui-init.js', open);
    expect(init.text).toContain('"validatorUrl": null');
    expect(init.text).toContain('"persistAuthorization": true');
    for (const asset of [
      'swagger-ui.css',
      'swagger-ui-bundle.js',
      'swagger-ui-standalone-preset.js',
      'favicon-32x32.png',
    ])
      expect((await api.get(`/docs/${asset}`, open)).status).toBe(200);
    const json = await api.get('/openapi.json', open);
    expect(json.body).toEqual(JSON.parse(await openApiText()));
  });
});
