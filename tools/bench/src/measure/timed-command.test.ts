import { CommandError, parseUsage, timedCommand } from './timed-command.js';

const env = process.env;

test('output, wall time, CPU and memory of a pipeline', async () => {
  const busy = `perl -e 'my $x = "a" x 60_000_000; my $end = times() + 0.3; 1 while times() < $end; print length $x'`;
  const result = await timedCommand({ script: `${busy} | cat; echo warned >&2`, env });
  expect(result.stdout).toBe('60000000');
  expect(result.stderr).toBe('warned\n');
  expect(result.wallSeconds).toBeGreaterThanOrEqual(0.29);
  expect(result.clientCpuSeconds).toBeGreaterThanOrEqual(0.29);
  expect(result.clientCpuSeconds).toBeLessThan(3);
  expect(result.machineCpuSeconds).toBeGreaterThanOrEqual(0.2);
  expect(result.peakRssBytes).toBeGreaterThan(60_000_000);
  expect(result.peakRssBytes).toBeLessThan(160_000_000);
});

test('peak memory does not include the program that measures', async () => {
  const { peakRssBytes } = await timedCommand({ script: 'true', env });
  expect(peakRssBytes).toBeLessThan(20_000_000);
});

test('waiting costs wall time and no CPU', async () => {
  const { wallSeconds, clientCpuSeconds } = await timedCommand({ script: 'sleep 0.3', env });
  expect(wallSeconds).toBeGreaterThanOrEqual(0.3);
  expect(clientCpuSeconds).toBeLessThan(0.2);
});

test('a failure anywhere in a pipeline is a failure', async () => {
  await expect(timedCommand({ script: '(echo broken >&2; exit 3) | cat', env })).rejects.toThrow(
    expect.objectContaining({ exit: 'exit code 3', stderr: 'broken\n' }),
  );
  await expect(timedCommand({ script: 'kill -9 $$', env })).rejects.toThrow(CommandError);
});

test('a system that gives no account', () =>
  expect(parseUsage('')).toEqual({ clientCpuSeconds: null, peakRssBytes: null }));
