// @ts-check
/**
 * Who may say what on the bus: one user per service, with the subjects it needs and an inbox that no other service can read.
 * Run by itself it prints the users for a nats-server of your own: node tools/local/nats-users.mjs
 */
import { pathToFileURL } from 'node:url';

/** The services, and `local`, which only asks whether the server is ready. */
export const natsUsers = /** @type {const} */ (['catalog', 'scheduler', 'runner', 'gateway', 'local']);
/** @typedef {typeof natsUsers[number]} NatsUser */
/** @typedef {{ publish: readonly string[], never?: readonly string[], subscribe?: readonly string[] }} Permissions */

/** What a run's life takes is said by runners and the scheduler alone. */
const runnerCommands = ['claim', 'heartbeat', 'finish', 'release'].map((verb) => `catalog.runs.${verb}`);
const schedulerCommands = ['create', 'expire', 'settle', 'unresolved'].map((verb) => `catalog.runs.${verb}`);
/** The catalog's own place in RUN_EVENTS: who could read or remove it would take events away. */
const projection = 'RUN_EVENTS.catalog-projection';

/** The first is how a consumer without a name is made. @param {string} stream @returns {string[]} */
const reads = (stream) => [
  `$JS.API.CONSUMER.CREATE.${stream}`,
  ...['CREATE', 'DURABLE.CREATE', 'INFO', 'MSG.NEXT', 'DELETE'].map((verb) => `$JS.API.CONSUMER.${verb}.${stream}.>`),
];
/** Every service looks at start whether the streams are as they should be; the catalog makes them. */
const looks = ['$JS.API.INFO', '$JS.API.STREAM.INFO.RUNS', '$JS.API.STREAM.INFO.RUN_EVENTS'];

/** Handlers answer to the inbox of who asked, which `allow_responses` opens for that answer. @type {Record<NatsUser, Permissions>} */
export const natsPermissions = {
  catalog: {
    publish: ['$JS.API.>', '$JS.ACK.RUN_EVENTS.>', 'runs.start.>', 'run-control.>', 'catalog-changed.>', 'runner.>'],
    never: ['$JS.API.STREAM.*.KV_LEASES', '$JS.API.STREAM.MSG.*.KV_LEASES'],
    subscribe: ['catalog.>'],
  },
  scheduler: {
    publish: [
      ...looks,
      '$JS.API.STREAM.*.KV_LEASES',
      '$JS.API.STREAM.MSG.GET.KV_LEASES',
      '$JS.API.DIRECT.GET.KV_LEASES.>',
      '$KV.LEASES.>',
      ...schedulerCommands,
      'catalog.schedules.>',
    ],
    subscribe: ['scheduler.>', 'catalog-changed.>'],
  },
  runner: {
    publish: [...looks, ...reads('RUNS'), '$JS.ACK.RUNS.>', 'run-events.>', ...runnerCommands, 'catalog.probes.>'],
    subscribe: ['runner.>', 'run-control.>'],
  },
  gateway: {
    publish: [...looks, ...reads('RUN_EVENTS'), 'catalog.>', 'scheduler.>'],
    never: [
      ...['CREATE', 'DURABLE.CREATE', 'MSG.NEXT', 'DELETE'].flatMap((verb) => [
        `$JS.API.CONSUMER.${verb}.${projection}`,
        `$JS.API.CONSUMER.${verb}.${projection}.>`,
      ]),
      ...runnerCommands,
      ...schedulerCommands,
      'catalog.probes.>',
      'catalog.schedules.>',
    ],
  },
  local: { publish: ['$JS.API.INFO'] },
};

/** @param {readonly string[]} subjects */
const list = (subjects) => `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;

/** @param {NatsUser} user @param {string} password as it stands in the file */
const userEntry = (user, password) => {
  const { publish, never = [], subscribe = [] } = natsPermissions[user];
  const answers = subscribe.some((subject) => subject.startsWith(`${user}.`))
    ? '\n        allow_responses: { max: 8, expires: "15m" }'
    : '';
  return `    { user: ${user}, password: ${password}
      permissions: {
        publish: { allow: ${list(publish)}${never.length > 0 ? `, deny: ${list(never)}` : ''} }
        subscribe: { allow: ${list([`_INBOX.${user}.>`, ...subscribe])} }${answers}
      } }`;
};

/**
 * The block `authorization` of a nats-server's configuration.
 * @param {(user: NatsUser) => string} password as it stands in the file: a JSON text, or a $VARIABLE
 */
export const authorization = (password) =>
  `authorization {\n  users: [\n${natsUsers.map((user) => userEntry(user, password(user))).join('\n')}\n  ]\n}`;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.stdout.write(`${authorization((user) => `$SLUICE_NATS_${user.toUpperCase()}`)}\n`);
}
