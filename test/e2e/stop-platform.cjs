const { rmSync } = require('node:fs');

module.exports = async () => {
  const { platform } = globalThis;
  await platform?.stop();
  if (platform) rmSync(platform.dataDir, { recursive: true, force: true });
};
