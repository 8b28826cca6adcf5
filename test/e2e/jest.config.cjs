module.exports = require('../../jest.base.cjs')('e2e', __dirname, {
  globalSetup: '<rootDir>/src/start-platform.ts',
  globalTeardown: '<rootDir>/src/stop-platform.ts',
  testTimeout: 120_000,
});
