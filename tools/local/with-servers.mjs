// @ts-check
/**
 * Runs a command with throw-away servers:
 *   node tools/local/with-servers.mjs postgres,mariadb,nats -- npx jest --selectProjects postgres
 * Options: `--no-fsync` (quick and unsafe, for unit tests). Exits with the command's exit code.
 */
import { spawn } from 'node:child_process';
import { showHelp, wantsHelp } from './command-line.mjs';
import { UsageError, runMain } from './say.mjs';
import { onStopSignal } from './stop-signals.mjs';
import { serverNames, startServers } from './servers.mjs';

const usage = `usage: node tools/local/with-servers.mjs [--no-fsync] ${serverNames.join(',')} -- <command> [arguments]`;

/** @param {string[]} args */
const parse = (args) => {
  const split = args.indexOf('--');
  const own = split < 0 ? args : args.slice(0, split);
  if (wantsHelp(own)) showHelp(usage);
  const [command, ...rest] = args.slice(split + 1);
  const names = own
    .filter((arg) => !arg.startsWith('--'))
    .flatMap((arg) => arg.split(','))
    .filter(Boolean);
  const unknown = names.filter((name) => !serverNames.some((known) => known === name));
  if (split < 0 || !command || names.length === 0 || unknown.length > 0) {
    throw new UsageError(unknown.length > 0 ? `unknown server ${unknown.join(', ')}` : 'what to run is missing', usage);
  }
  const flag = own.find((arg) => arg.startsWith('--') && arg !== '--no-fsync');
  if (flag) throw new UsageError(`unknown option ${flag}`, usage);
  return {
    names: /** @type {import('./servers.mjs').ServerName[]} */ (names),
    fsync: !own.includes('--no-fsync'),
    command,
    rest,
  };
};

/**
 * @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} exit code, 128 + n for a signal
 */
const runCommand = (command, args, env) =>
  new Promise((done) => {
    const child = spawn(command, args, { env, stdio: 'inherit' });
    void stop.signal.then((name) => child.kill(name)); // we stay, to stop the servers afterwards
    child.once('error', (error) => {
      process.stderr.write(`${command}: ${error.message}\n`);
      done(127);
    });
    child.once('exit', (code, signal) => done(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });

const stop = onStopSignal();
await runMain(async () => {
  const { names, fsync, command, rest } = parse(process.argv.slice(2));
  const toErr = (/** @type {string} */ line) => void process.stderr.write(`${line}\n`); // stdout belongs to the command
  const servers = await startServers(names, { say: toErr, fsync, signal: stop.abort });
  try {
    if (stop.abort.aborted) return 130;
    return await runCommand(command, rest, { ...process.env, ...servers.env });
  } finally {
    await servers.stop();
  }
});
