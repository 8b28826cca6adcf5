import type { Case, DestinationLab } from '../../lab.js';
import { checkCases, secretCases } from '../check.js';
import { specCases } from '../spec.js';
import { changeCases } from './changes.js';
import { commitCases } from './commit.js';
import { modeCases } from './modes.js';
import { endCases } from './reconnect.js';
import { replaceCases } from './replace.js';
import { schemaCases } from './schema.js';
import { startOverCases } from './start-over.js';
import { typeCases } from './types.js';

/** Every case of a destination, by what it claims. */
export const destinationCases = (lab: DestinationLab): Case[] => [
  ...specCases(lab.plugin),
  ...checkCases(lab),
  ...modeCases(lab),
  ...commitCases(lab),
  ...replaceCases(lab),
  ...startOverCases(lab),
  ...schemaCases(lab),
  ...changeCases(lab),
  ...typeCases(lab),
  ...endCases(lab),
  ...secretCases(lab),
];
