import type { Case, DestinationLab } from '../../lab.js';
import { checkCases, secretCases } from '../check.js';
import { specCases } from '../spec.js';

/** Every case of a destination, by what it claims. */
export const destinationCases = (lab: DestinationLab): Case[] => [
  ...specCases(lab.plugin),
  ...checkCases(lab),
  ...secretCases(lab),
];
