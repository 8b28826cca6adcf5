import { format } from 'prettier/standalone';
import * as parser from 'prettier/plugins/markdown';

/** As `npm run format` leaves it, so that the two never undo each other. */
export const formatted = (text: string): Promise<string> =>
  format(text, { parser: 'markdown', plugins: [parser], printWidth: 120, singleQuote: true });

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** One line; a bar would end the cell. */
const cell = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');

/** As code, whatever backticks it has. */
export const code = (text: string): string => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``);
