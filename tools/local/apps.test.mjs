// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorIn } from './apps.mjs';

test('an error of an app is shown as one short line that steers no terminal', () => {
  const msg = 'no\r\n\u001b[2J\u001b]0;owned\u0007 table "a\u202eb"';
  assert.equal(errorIn(JSON.stringify({ level: 50, msg })), 'no [2J ]0;owned  table "a b"');
  assert.equal(errorIn(`fatal \u001b[31m${'x'.repeat(5000)}`)?.length, 1000);
});

test('what is no error is not shown', () => {
  assert.equal(errorIn(JSON.stringify({ level: 30, msg: 'an error was mended' })), undefined);
  assert.equal(errorIn('all is well'), undefined);
});
