/** The OpenAPI document and Swagger UI, served from local files only. */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';

const description = `Sluice moves data from the systems where it is made to the tables where it is used.

Press **Authorize** and fill in either a bearer token or an API key, and the tenant. Times are UTC. Every failure has the same
body: \`timestamp\`, \`status\`, \`error\`, \`message\`, \`path\`.`;

export function describeApi(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Sluice')
    .setDescription(description)
    .setVersion('0.1.0')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/', 'This gateway')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A JWT, or an API key (sk_...).' },
      'bearer',
    )
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key.' }, 'apiKey')
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-Tenant-Id', description: 'The tenant, a UUID.' }, 'tenant')
    .addTag('Sources', 'Systems to read from.')
    .addTag('Connections', 'A pipeline from a source to a destination.')
    .addTag('Syncs', 'Runs of a connection.')
    .addTag('Destinations', 'Systems to write to.')
    .addTag('Connectors', 'The plugins that are installed.')
    .addTag('API keys', 'Credentials for programs.')
    .build();
  return SwaggerModule.createDocument(app, config);
}

export function serveDocs(app: NestFastifyApplication, document: OpenAPIObject): void {
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: '/openapi.json',
    raw: ['json'],
    customSiteTitle: 'Sluice API',
    // `validatorUrl: null`: the page would else send its address to a validator on the Internet.
    swaggerOptions: {
      persistAuthorization: true,
      validatorUrl: null,
      tryItOutEnabled: true,
      displayRequestDuration: true,
      docExpansion: 'list',
    },
  });
}
