/** `node --conditions=@sluice/source -r run-typescript.cjs file.ts`: runs sources in a process of their own, with no build. */
const Module = require('node:module');
const { readFileSync, existsSync } = require('node:fs');
const { dirname, resolve } = require('node:path');
const { transformSync } = require('@swc/core');

const original = Module._resolveFilename;
Module._resolveFilename = function (request, parent, ...rest) {
  if (/^\.{1,2}\/.*\.js$/.test(request) && parent?.filename) {
    const source = resolve(dirname(parent.filename), request).replace(/\.js$/, '.ts');
    if (existsSync(source)) return source;
  }
  return original.call(this, request, parent, ...rest);
};
Module._extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  module._compile(code, filename);
};
