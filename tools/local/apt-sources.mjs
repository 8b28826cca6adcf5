// @ts-check
/** Reads the system's apt sources, in both formats, to learn which mirror this machine uses. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ uri: string, suites: string[], components: string[], signedBy?: string }} AptSource */

/**
 * One-line format: `deb [signed-by=/k.gpg arch=amd64] URI suite component...`.
 * @param {string} text @returns {AptSource[]}
 */
export const parseList = (text) =>
  text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!match) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /signed-by=(\S+)/i.exec(options)?.[1];
    return [
      {
        uri,
        suites: [suite],
        components: components.trim().split(/\s+/).filter(Boolean),
        ...(signedBy && { signedBy }),
      },
    ];
  });

/**
 * deb822 format: paragraphs of `Key: value`, values going on in indented lines.
 * @param {string} text @returns {AptSource[]}
 */
export const parseDeb822 = (text) =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap((paragraph) => {
      const fields = new Map(
        [...paragraph.matchAll(/^([\w-]+):((?:.*)(?:\n[ \t].*)*)/gm)].map((m) => [
          (m[1] ?? '').toLowerCase(),
          (m[2] ?? '').trim(),
        ]),
      );
      const words = (/** @type {string} */ key) => (fields.get(key) ?? '').split(/\s+/).filter(Boolean);
      if (!words('types').includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') return [];
      const key = fields.get('signed-by');
      const signedBy = key?.startsWith('/') ? key : undefined; // the other form is a key block written in place
      return words('uris').map((uri) => ({
        uri,
        suites: words('suites'),
        components: words('components'),
        ...(signedBy && { signedBy }),
      }));
    });

/** @param {string} [directory] @returns {AptSource[]} */
export const systemSources = (directory = '/etc/apt') => {
  const parts = join(directory, 'sources.list.d');
  const files = [
    join(directory, 'sources.list'),
    ...(existsSync(parts)
      ? readdirSync(parts)
          .sort()
          .map((name) => join(parts, name))
      : []),
  ];
  return files.flatMap((file) => {
    if (!existsSync(file)) return [];
    if (file.endsWith('.list')) return parseList(readFileSync(file, 'utf8'));
    return file.endsWith('.sources') ? parseDeb822(readFileSync(file, 'utf8')) : [];
  });
};

/**
 * The Debian archive that this machine uses (a mirror's path ends in `/debian`). Throws when apt's sources name none.
 * @param {AptSource[]} sources @returns {{ uri: string, signedBy?: string }}
 */
export const debianArchive = (sources) => {
  const archive = sources.find(({ uri, components }) => /\/debian\/?$/.test(uri) && components.includes('main'));
  if (!archive) throw new Error("apt's sources name no Debian archive; install the server and put it on the PATH");
  return archive;
};

/** @param {AptSource} source @returns {string} in one-line format */
export const sourceLine = ({ uri, suites, components, signedBy }) =>
  suites
    .map((suite) =>
      `deb ${signedBy ? `[signed-by=${signedBy}] ` : ''}${uri} ${suite} ${components.join(' ')}`.trimEnd(),
    )
    .join('\n');
