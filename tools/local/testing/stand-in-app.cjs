// Stands in for every app of the platform in tests: healthy, and writes down what it was given.
const { appendFileSync, writeFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { basename, dirname } = require('node:path');

const name = basename(dirname(__dirname));
const { SLUICE_BOOTSTRAP_FILE, SLUICE_DATA_DIR, SLUICE_HTTP_PORT, SLUICE_PORT } = process.env;

writeFileSync(`${SLUICE_DATA_DIR}/${name}.env.json`, JSON.stringify({ env: process.env, argv: process.argv }));
if (SLUICE_BOOTSTRAP_FILE) {
  writeFileSync(SLUICE_BOOTSTRAP_FILE, JSON.stringify({ tenantId: 't-1', apiKey: 'k-1' }), { mode: 0o600 });
}
console.log(JSON.stringify({ level: 30, msg: 'hello' }));
createServer((_request, response) => response.end('ok')).listen(Number(SLUICE_PORT || SLUICE_HTTP_PORT), '127.0.0.1');
process.on('SIGTERM', () => {
  appendFileSync(`${SLUICE_DATA_DIR}/stopped`, `${name} `);
  process.exit(0);
});
