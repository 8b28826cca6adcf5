// @ts-check
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startMark } from './process-identity.mjs';
import { outputOf, runProgram } from './run-program.mjs';
import { UserError } from './say.mjs';
import { waitFor } from './waiting.mjs';

test('answers what a program said, in order, and its exit code', async () => {
  const { code, output, stderr } = await runProgram('sh', ['-c', 'echo one; sleep 0.2; echo two >&2; exit 3']);
  assert.deepEqual([code, output, stderr], [3, 'one\ntwo\n', 'two\n']);
  assert.equal(await outputOf('echo', ['hello']), 'hello\n');
  await assert.rejects(outputOf('sh', ['-c', 'echo why >&2; exit 3']), {
    message: 'sh failed with exit code 3: why',
    stderr: 'why\n',
  });
  await assert.rejects(runProgram('/no/such/program', []), { code: 'ENOENT' });
});

test('a stop reaches what the program started, even when it does not listen', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-local-test-'));
  const file = join(directory, 'pids');
  const stop = new AbortController();
  try {
    const script = `trap '' TERM; sleep 600 & echo "$$ $!" > ${file}; wait; wait`;
    const ended = runProgram('sh', ['-c', script], { signal: stop.signal });
    const pids = await waitFor(
      () => (existsSync(file) && /^(\d+) (\d+)\n/.exec(readFileSync(file, 'utf8'))) || undefined,
      {
        timeoutMs: 20_000,
        what: 'the program',
      },
    );
    stop.abort();
    await assert.rejects(ended, UserError);
    assert.deepEqual(
      pids.slice(1).filter((pid) => startMark(Number(pid))),
      [],
    );
    await assert.rejects(runProgram('true', [], { signal: stop.signal }), { name: 'AbortError' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
