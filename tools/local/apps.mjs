// @ts-check
/** The apps of the platform: how each is run, and what of the environment each may see. */
import { join } from 'node:path';

/** In the order they are started; they are stopped the other way round. */
export const appNames = /** @type {const} */ (['catalog', 'scheduler', 'runner', 'gateway']);
/** @typedef {typeof appNames[number]} AppName */

/**
 * @typedef {object} AppSettings
 * @property {string} appsDir the folder of the apps' folders
 * @property {string} dataDir
 * @property {string} catalogUrl of the catalog's database, with its password
 * @property {(name: AppName) => string} natsUrl with the password of the app's user
 * @property {string | undefined} [ownServers] `host:port` of what connectors may not reach, beside NATS
 * @property {number} port of the gateway
 * @property {Record<AppName, number>} healthPorts
 * @property {string} keyring
 * @property {string} jwtSecret
 * @property {string} bootstrapFile where the catalog writes the first tenant and API key
 * @property {string} logLevel
 * @property {Record<string, string>} extra
 */

/** Each app gets the secrets it needs and no others: the key ring stays with the catalog, the token key with the gateway. @param {AppSettings} s */
const privileges = (s) => ({
  catalog: { SLUICE_CATALOG_URL: s.catalogUrl, SLUICE_KEYRING: s.keyring, SLUICE_BOOTSTRAP_FILE: s.bootstrapFile },
  scheduler: {},
  runner: s.ownServers ? { SLUICE_OWN_SERVERS: s.ownServers } : {},
  gateway: { SLUICE_PORT: String(s.port), SLUICE_JWT_SECRET: s.jwtSecret },
});

/** What must not reach an app through this process's environment; other settings of the user do. */
const withheld =
  /^(SLUICE_(CATALOG_URL|NATS_URL_\w+|KEYRING|JWT_SECRET|BOOTSTRAP_FILE|PORT|TEST_\w+|NATS_SERVER)$|npm_|NX_|PG[A-Z]+$)/;

/** @param {AppName} name @param {AppSettings} settings @returns {Record<string, string | undefined>} */
export const appEnvironment = (name, settings) => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !withheld.test(key))),
  SLUICE_NATS_URL: settings.natsUrl(name),
  SLUICE_HTTP_PORT: String(settings.healthPorts[name]),
  SLUICE_DATA_DIR: settings.dataDir,
  LOG_LEVEL: settings.logLevel,
  ...privileges(settings)[name],
  ...settings.extra,
});

/** @param {AppName} name @param {Pick<AppSettings, 'appsDir'>} settings */
export const appMain = (name, { appsDir }) => join(appsDir, name, 'dist/main.js');

/** What would steer a terminal or turn a line's direction: categories Cc, Cf, Zl and Zp. */
const steering = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
/** One short line, whatever a hostile name or server put into the message. @param {string} text */
const oneLine = (text) => text.replace(steering, ' ').slice(0, 1000);

/** A log line of an app that the user should see, shortened; undefined for the rest. @param {string} line */
export const errorIn = (line) => {
  const text = errorTextIn(line);
  return text === undefined ? undefined : oneLine(text);
};

/** @param {string} line */
const errorTextIn = (line) => {
  try {
    const { level, msg, message, err } = JSON.parse(line);
    const bad = typeof level === 'number' ? level >= 50 : /error|fatal/i.test(String(level));
    return bad ? String(msg ?? message ?? err?.message ?? line) : undefined;
  } catch {
    return /\b(error|fatal|unhandled|exception)\b/i.test(line) ? line : undefined;
  }
};
