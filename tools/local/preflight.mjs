// @ts-check
/** What would make a start fail at its end is found before packages are installed, built or fetched. */
import { join } from 'node:path';
import { dataDirectory } from './paths.mjs';
import { portProblem } from './ports.mjs';
import { readState, requireNoOwner } from './run-state.mjs';
import { UserError } from './say.mjs';

/** @param {string | undefined} [text] */
export const portFrom = (text = process.env.SLUICE_PORT) => {
  const port = Number(text ?? 8080);
  if (text === '' || !Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UserError(`SLUICE_PORT=${text} is not a port number`);
  return port;
};

/** @param {number} port 0 for any, which is never taken */
export const requirePort = async (port) => {
  const problem = port === 0 ? undefined : await portProblem(port);
  if (!problem) return;
  const why = problem === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${problem})`;
  const command = process.env.npm_lifecycle_event === 'demo' ? 'npm run demo' : 'npm start';
  throw new UserError(
    `Port ${port} ${why}. Set SLUICE_PORT to a free one, for example: SLUICE_PORT=${port < 65_535 ? port + 1 : 8080} ${command}`,
  );
};

/** Throws a UserError when another Sluice runs on the data directory, or the port cannot be had. */
export const requireStartable = async () => {
  const port = portFrom();
  const file = join(dataDirectory(), 'running.json');
  const left = readState(file);
  if (left) requireNoOwner(left, dataDirectory());
  else await requirePort(port); // what a crashed start left running may hold the port until the next one has ended it
};
