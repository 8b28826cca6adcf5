// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debianArchive, parseDeb822, parseList, sourceLine } from './apt-sources.mjs';

test('reads the one-line format', () => {
  const text = [
    '# deb http://old.example/debian bookworm main',
    'deb http://mirror.example/debian bookworm main contrib # ours',
    '  deb [arch=amd64 signed-by=/k/a.gpg] https://sec.example/debian-security bookworm-security main',
    'deb-src http://mirror.example/debian bookworm main',
    'deb http://flat.example/repo ./',
  ].join('\n');
  assert.deepEqual(parseList(text), [
    { uri: 'http://mirror.example/debian', suites: ['bookworm'], components: ['main', 'contrib'] },
    {
      uri: 'https://sec.example/debian-security',
      suites: ['bookworm-security'],
      components: ['main'],
      signedBy: '/k/a.gpg',
    },
    { uri: 'http://flat.example/repo', suites: ['./'], components: [] },
  ]);
});

test('reads the deb822 format', () => {
  const text = [
    'Types: deb deb-src',
    '# http://snapshot.example/debian',
    'URIs: http://mirror.example/debian/',
    'Suites: trixie',
    ' trixie-updates',
    'Components: main',
    'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
    '',
    'Types: deb',
    'URIs: http://off.example/debian',
    'Suites: trixie',
    'Components: main',
    'Enabled: no',
    '',
    'types: deb-src',
    'uris: http://src.example/debian',
    'suites: trixie',
  ].join('\n');
  assert.deepEqual(parseDeb822(text), [
    {
      uri: 'http://mirror.example/debian/',
      suites: ['trixie', 'trixie-updates'],
      components: ['main'],
      signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
    },
  ]);
});

test('takes the archive of this machine, not its security or vendor archives; else the public one', () => {
  const source = (/** @type {string} */ uri) => ({ uri, suites: ['x'], components: ['main'] });
  const sources = [
    'https://packages.vendor.example/apt',
    'http://m.example/debian-security',
    'http://m.example/debian/',
  ].map(source);
  assert.equal(debianArchive(sources).uri, 'http://m.example/debian/');
  assert.throws(() => debianArchive(sources.slice(0, 2)), /name no Debian archive.*PATH/);
});

test('writes one line per suite', () => {
  assert.equal(
    sourceLine({ uri: 'http://m/debian', suites: ['a', 'b'], components: ['main', 'x'], signedBy: '/k' }),
    'deb [signed-by=/k] http://m/debian a main x\ndeb [signed-by=/k] http://m/debian b main x',
  );
});
