module.exports = require('../../jest.base.cjs')('e2e', __dirname, {
  globalSetup: '<rootDir>/start-platform.cjs',
  globalTeardown: '<rootDir>/stop-platform.cjs',
  testTimeout: 120_000,
});
