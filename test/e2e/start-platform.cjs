/** One platform for all files of the suite; its address travels in the environment. Plain JavaScript: Jest does not map imports here. */
const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { startPlatform } = require('@sluice/fixtures');

module.exports = async () => {
  const platform = await startPlatform({ dataDir: mkdtempSync(join(tmpdir(), 'sluice-e2e-')) });
  globalThis.platform = platform;
  const { url, tenantId, token, apiKey, postgres, dataDir } = platform;
  process.env.SLUICE_E2E = JSON.stringify({ url, tenantId, token, apiKey, postgres, dataDir });
};
