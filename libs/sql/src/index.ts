export {
  type ConnectAttempt,
  type ConnectWords,
  ConnectTimeout,
  type Expected,
  NoTls,
  OtherServer,
  connectErrorOf,
  dialBefore,
  networkProblem,
  otherServer,
  serverText,
  tlsProblem,
  tlsWords,
} from './connect-words.js';
export { identifierQuoter, type IdentifierRules, type Quote } from './identifier.js';
export { guardData } from './guard-data.js';
export { outlast, rest, restFor, zoneStep } from './late-commits.js';
export { ownPrefix, shadowName, shadowPrefix } from './shadow-name.js';
export { speakerOf } from './speaker.js';
