export { identifierQuoter, type IdentifierRules, type Quote } from './identifier.js';
export { guardData } from './guard-data.js';
export { ownPrefix, shadowName, shadowPrefix } from './shadow-name.js';
export { speakerOf } from './speaker.js';
