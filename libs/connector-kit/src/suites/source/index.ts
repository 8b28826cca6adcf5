import type { Case, SourceLab } from '../../lab.js';
import { checkCases, secretCases } from '../check.js';
import { specCases } from '../spec.js';
import { abortCases, sourceLeakCases } from './abort.js';
import { changeCases } from './changes.js';
import { completeCases } from './complete.js';
import { discoverCases } from './discover.js';
import { readCases } from './read.js';
import { reconnectCases } from './reconnect.js';
import { resumeCases } from './resume.js';
import { typeCases } from './types.js';

/** Every case of a source, by what it claims. */
export const sourceCases = (lab: SourceLab): Case[] => [
  ...specCases(lab.plugin),
  ...checkCases(lab),
  ...discoverCases(lab),
  ...readCases(lab),
  ...completeCases(lab),
  ...resumeCases(lab),
  ...abortCases(lab),
  ...typeCases(lab),
  ...changeCases(lab),
  ...reconnectCases(lab),
  ...sourceLeakCases(lab),
  ...secretCases(lab),
];
