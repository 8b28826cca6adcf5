/**
 * A source of numbered rows that can be told to misbehave, and a destination in a folder: one file for each table, lane and
 * shadow. It upholds what the runner leans on: staged rows, fences, checkpoints committed with the data, a swap at `complete`.
 */
const { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const mark = Symbol.for('sluice.error');
const failing = (cls, code, message, extra = {}) =>
  Object.assign(new Error(message), { [mark]: true, class: cls, code, ...extra });
const schema = (validate = () => []) => ({
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const issues = validate(value);
      return issues.length > 0 ? { issues } : { value };
    },
    jsonSchema: { input: () => jsonSchema, output: () => jsonSchema },
  },
});
const jsonSchema = {
  type: 'object',
  properties: { password: { type: 'string', title: 'Password', description: 'Secret.', writeOnly: true } },
  additionalProperties: true,
};
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const streamOf = (name, count) => ({
  id: `app.${name}`,
  path: ['app', name],
  kind: 'table',
  columns: [{ name: 'n', type: 'int32', nullable: false, native: 'integer' }],
  key: ['n'],
  modes: ['full', 'cursor'],
  cursors: ['n'],
  estimate: { rows: count, bytes: count * 4 },
});

/** `behave`: 'crash' | 'hang' | 'eat' | 'stubborn' | 'bug' happens at row `at`; once, if `once` names a file that is then made. */
async function misbehave({ behave, at, once, password }, n) {
  if (behave === undefined || n < (at ?? 0)) return;
  if (once !== undefined && existsSync(once)) return;
  if (once !== undefined) writeFileSync(once, '');
  if (behave === 'crash') {
    process.stderr.write(`about to crash, the password is ${password}\n`);
    process.kill(process.pid, 'SIGSEGV');
    await sleep(10_000);
  }
  if (behave === 'hang') for (;;);
  if (behave === 'eat') for (const eaten = []; ; await sleep(5)) eaten.push(Buffer.alloc(16 * 1024 * 1024, 1));
  if (behave === 'bug') throw new TypeError(`cannot read ${password}`);
  if (behave === 'transient') throw failing('transient', 'connection-lost', 'the line was cut');
  if (behave === 'stubborn') for (;;) await sleep(1000);
}

const source = {
  contract: 1,
  kind: 'source',
  id: 'numbers',
  title: 'Numbers',
  config: schema(({ tables }) =>
    typeof tables === 'object' ? [] : [{ message: 'tables is missing', path: ['tables'] }],
  ),
  can: { modes: ['full', 'cursor'], encodings: [], split: false },
  async open(config, { signal, log, dial }) {
    if (config.password === 'wrong')
      throw failing('config', 'authentication', 'refused: wrong', { fix: 'set the password' });
    if (config.host) (await dial({ host: config.host, port: config.port })).destroy();
    if (config.openFor) await sleep(config.openFor);
    log('info', `opened with ${config.password}`);
    const streams = Object.entries(config.tables).map(([name, count]) => streamOf(name, count));
    return {
      check: async () => {
        if (config.behave === 'bug') throw new TypeError(`cannot read ${config.password}`);
        return config.findings ?? [];
      },
      ...(config.slots && { drop: async () => config.slots }),
      discover: async (only) => streams.filter(({ id }) => only === undefined || only.includes(id)),
      async *read([{ stream, mode }], after) {
        const count = config.tables[stream.path[1]];
        const window = config.window ?? 10;
        for (let n = after?.n ?? 0; n < count && !signal.aborted;) {
          const end = Math.min(count, n + window);
          if (config.misbehaving === undefined || config.misbehaving === stream.id) await misbehave(config, n);
          if (config.pace) await sleep(config.pace);
          const rows = Array.from({ length: end - n }, (_, i) => [n + i + 1]);
          n = end;
          yield { kind: 'rows', stream: stream.id, rows, checkpoint: { v: 1, n } };
        }
        if (mode === 'full' && !signal.aborted) yield { kind: 'complete', stream: stream.id, checkpoint: { v: 1 } };
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
};

const destination = {
  contract: 1,
  kind: 'destination',
  id: 'numbers',
  title: 'A folder',
  config: schema(),
  can: { modes: ['append', 'upsert', 'replace'], encodings: [], commit: 'atomic', evolve: [] },
  async open({ folder, reject }) {
    mkdirSync(folder, { recursive: true });
    const file = (name) => join(folder, name.replaceAll('/', '~'));
    const read = (name) => (existsSync(file(name)) ? JSON.parse(readFileSync(file(name), 'utf8')) : undefined);
    /** In place by a rename, so that a kill leaves the old state or the new. */
    const put = (name, value) => {
      const fresh = file(`${name}.${process.pid}.new`); // two workers may believe in one lane
      writeFileSync(fresh, JSON.stringify(value));
      renameSync(fresh, file(name));
    };
    let lane;
    let target;
    let staged = [];
    return {
      check: async () => [],
      async resume(given) {
        lane = given;
        staged = [];
        const known = read(`lane ${lane.id}`);
        if (known && BigInt(known.fence) > lane.fence) throw failing('fenced', 'fenced', 'a higher fence is known');
        const same = known?.generation === lane.generation;
        const state = { generation: lane.generation, shadow: [], ...(same && known), fence: String(lane.fence) };
        put(`lane ${lane.id}`, state);
        appendFileSync(file('log'), `resume ${lane.id} ${lane.fence}\n`);
        return state.checkpoint;
      },
      accepts: () => [],
      async prepare(stream, to) {
        target = to;
        return [];
      },
      async write(data) {
        if (reject && data.stream === reject)
          throw failing('data', 'value-rejected', 'too big a number', { stream: data.stream });
        staged.push(...data.rows.map(([n]) => n));
        return { rows: data.rows.length, bytes: data.rows.length * 4 };
      },
      async commit(checkpoint, complete) {
        const state = read(`lane ${lane.id}`);
        if (BigInt(state.fence) > lane.fence) throw failing('fenced', 'fenced', 'a higher fence is known');
        const table = target.table.join('.');
        const shadow = [...(target.mode === 'replace' ? state.shadow : (read(table) ?? [])), ...staged];
        staged = [];
        if (target.mode !== 'replace' || complete !== undefined) put(table, shadow);
        put(`lane ${lane.id}`, { ...state, checkpoint, shadow: complete === undefined ? shadow : [] });
      },
      drop: async ({ id }) => rmSync(file(`lane ${id}`), { force: true }),
      [Symbol.asyncDispose]: async () => undefined,
    };
  },
};

module.exports = [source, destination];
