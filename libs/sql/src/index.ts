export { identifierQuoter, type IdentifierRules, type Quote } from './identifier.js';
export { ownPrefix, shadowName, shadowPrefix } from './shadow-name.js';
