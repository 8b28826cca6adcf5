import { conformance } from '@sluice/connector-kit';
import { FakeAcme } from './fake-acme.js';
import source from './index.js';

const fake = new FakeAcme();
beforeAll(() => fake.start());
afterAll(() => fake.stop());

conformance(source, {
  config: () => ({ url: fake.url, apiKey: fake.key, pageSize: 10 }),
  peer: fake.peer,
  faults: [{ name: 'wrong key', config: () => ({ url: fake.url, apiKey: 'guess' }), code: 'authentication' }],
});
