/** One platform for all files of the suite; its address travels in the environment. Plain JavaScript: Jest does not map imports here. */
const { chmodSync, mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { startPlatform } = require('@sluice/fixtures');

module.exports = async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-e2e-'));
  chmodSync(dataDir, 0o755); // the database user passes through: nothing is left outside the folder
  const platform = await startPlatform({ dataDir });
  globalThis.platform = platform;
  const { url, tenantId, token, apiKey, postgres } = platform;
  process.env.SLUICE_E2E = JSON.stringify({ url, tenantId, token, apiKey, postgres, dataDir });
};
