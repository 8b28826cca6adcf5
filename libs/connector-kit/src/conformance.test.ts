import { conformance, memorySource, runConformance } from './index.js';
import type { Runner } from './options.js';

type Waivers = Readonly<Record<string, string>>;
/** Runs `conformance` under a runner of our own: names of the cases that failed, and what was printed. */
async function underRunner(change: (healthy: ReturnType<typeof memorySource>) => object, waivers: Waivers = {}) {
  const healthy = memorySource();
  const cases: { name: string; body: () => Promise<void> }[] = [];
  const runner: Runner = { describe: (_, body) => body(), it: (name, body) => cases.push({ name, body }) };
  let printed = '';
  const plugin = { ...healthy.plugin, ...change(healthy) };
  conformance(plugin, { ...healthy.options, waivers, runner, seed: 7, print: (text) => (printed += text) });
  const failed: string[] = [];
  for (const { name, body } of cases) await body().catch((error: Error) => failed.push(`${name}: ${error.message}`));
  return { failed, printed, names: cases.map(({ name }) => name) };
}
const untitled = () => ({ title: '' });

test('a runner that is passed in gets one case per rule, and the report last', async () => {
  const { failed, printed, names } = await underRunner(() => ({}));
  expect(failed).toEqual([]);
  expect(names.at(-1)).toBe('the report has no waiver without a reason or a case');
  expect(new Set(names).size).toBe(names.length);
  expect(printed).toContain(`conformance of source memory: ${names.length - 1} passed, 0 failed, 0 waived`);
  expect(printed).toContain('(seed 7)');
  expect(printed).toContain('claims         modes: full cursor changes, encodings: json-lines/1, split: true');
});

test('a rule that is broken fails its case', async () => {
  expect((await underRunner(untitled)).failed).toEqual(['spec/shape: the plugin has no title']);
});

test('a waiver with a reason lets its case fail, and is printed', async () => {
  const { failed, printed } = await underRunner(untitled, { 'spec/shape': 'the title comes with the next release' });
  expect(failed).toEqual([]);
  expect(printed).toContain('waived         spec/shape: the title comes with the next release');
});

test('a waiver without a reason waives nothing', async () => {
  expect((await underRunner(untitled, { 'spec/shape': ' ' })).failed).toEqual([
    'spec/shape: the plugin has no title',
    "the report has no waiver without a reason or a case: the waiver of 'spec/shape' has no reason",
  ]);
});

test('a waiver that is not needed is printed; one that names no case fails', async () => {
  const { failed, printed } = await underRunner(() => ({}), { 'spec/shape': 'old', constructor: 'none' });
  expect(printed).toContain('waived in vain spec/shape');
  expect(failed).toEqual([
    "the report has no waiver without a reason or a case: a waiver names 'constructor', which is no case of this plugin",
  ]);
});

test('what the peer has no means for is printed as not proven, with the reason', async () => {
  const { plugin, options } = memorySource();
  const { cut: _, leftovers: __, ...peer } = options.peer;
  const report = await runConformance(plugin, { ...options, peer, seed: 7 });
  expect(report.failed).toEqual([]);
  expect(report.of('not proven').map(({ id }) => id)).toEqual([
    'check/dial',
    'check/leaves-nothing',
    'reconnect/full',
    'reconnect/cursor',
    'leaks/system',
  ]);
  expect(report.text()).toContain("not proven     reconnect/full, reconnect/cursor: the peer has no 'cut'");
});

test('a runner shows no case as passed that proved nothing, and a waived one with its reason', async () => {
  const bare = ({ options: { peer, ...options } }: ReturnType<typeof memorySource>) => {
    const { cut: _, leftovers: __, add: ___, ...rest } = peer;
    return { ...options, peer: rest };
  };
  const healthy = memorySource();
  const names: string[] = [];
  const runner: Runner = { describe: (_, body) => body(), it: (name) => names.push(name) };
  const waivers = { 'spec/shape': 'later' };
  conformance(healthy.plugin, { ...bare(healthy), waivers, runner, seed: 7, print: () => undefined });
  for (const id of ['check/leaves-nothing', 'read/cursor-increment', 'reconnect/full', 'leaks/system'])
    expect(names).not.toContain(id);
  expect(names).toContain('read/full');
  expect(names).toContain('spec/shape (waived: later)');
  const report = await runConformance(healthy.plugin, { ...bare(healthy), seed: 7 });
  expect(report.text()).toContain("not proven     read/cursor-increment: the peer has no 'add'");
  expect(report.failed).toEqual([]);
});

test('what the system cannot have is left out with its reason, and all else is still compared', async () => {
  const { plugin, options } = memorySource();
  const limits = {
    types: { duration: null, uuid: 'string' },
    cannotHold: (_: unknown, value: unknown) => (value === 'infinity' ? 'no infinity here' : undefined),
    cannotName: (name: string) => (name.length > 63 ? 'names have 63 characters' : undefined),
  } as const;
  const report = await runConformance(plugin, { ...options, peer: { ...options.peer, ...limits }, seed: 7 });
  const notes = Object.fromEntries(report.outcomes.map(({ id, notes: said }) => [id, said]));
  expect(notes['types/duration']).toEqual(['the system has no such type']);
  expect(notes['types/date']).toEqual(['without infinity: no infinity here']);
  expect(notes['discover/name with three hundred characters']).toEqual(['names have 63 characters']);
  expect(report.failed).toEqual([]);
});

test('an encoding without its codec is no reason to pass', async () => {
  const { plugin, options } = memorySource();
  const report = await runConformance(plugin, { ...options, codecs: [], seed: 7 });
  expect(report.failed.some((id) => id.startsWith('raw/json-lines/1'))).toBe(true);
});

test('without describe and it there is an error that says what to pass', () => {
  const { plugin, options } = memorySource();
  const held = globalThis.describe;
  try {
    Reflect.deleteProperty(globalThis, 'describe');
    expect(() => conformance(plugin, options)).toThrow(
      "no global 'describe' and 'it': pass them as the option 'runner'",
    );
  } finally {
    globalThis.describe = held;
  }
});
