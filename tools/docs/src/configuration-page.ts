import { code, table } from './markdown.js';
import { variables } from './variables.js';

/** docs/configuration.md: what the product reads from its environment. */
export const configurationPage = (): string => {
  const rows = variables.map(({ name, readBy, fallback, text }) => [code(name), readBy.join(', '), fallback, text]);
  return `${intro}\n\n${table(['variable', 'read by', 'when not set', 'meaning'], rows)}\n`;
};

const intro = `# Configuration

<!-- Made from tools/docs/src/variables.ts by \`npm run generate\`. -->

Everything is read from the environment, once, at the start; a value that does not fit ends the start with a message that names it. "local" is
\`npm start\` and what builds on it; it hands every app only what that app reads.`;
