/** Generated parts of pages that people write: what stands between two markers is replaced, all else is left alone. */

/** The page with the block's new text; a page without the markers gets them at its end. */
export function withBlock(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- sluice:${name} -->`, `<!-- /sluice:${name} -->`];
  const block = `${open}\n\n${text.trim()}\n\n${close}`;
  const start = page.indexOf(open);
  if (start < 0) return `${page.trimEnd()}\n\n${block}\n`;
  const end = page.indexOf(close, start);
  if (end < 0) throw new Error(`the marker ${open} is never closed by ${close}`);
  return page.slice(0, start) + block + page.slice(end + close.length);
}

/** The page with every block `file NAME` showing that file as code. Throws for a file that is not there. */
export function withFiles(page: string, read: (name: string) => string): string {
  const names = [...page.matchAll(/<!-- sluice:file (\S+) -->/g)].map(([, name = '']) => name);
  return names.reduce((text, name) => withBlock(text, `file ${name}`, fenced(name, read(name))), page);
}
/** A package.json has a format of its own, which Prettier would change here. */
const fenced = (name: string, text: string): string => {
  const kind = name.split('.').at(-1);
  return `${kind === 'json' ? '<!-- prettier-ignore -->\n' : ''}\`\`\`${kind}\n${text.trimEnd()}\n\`\`\``;
};
