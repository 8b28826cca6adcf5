/** What all cases of one `conformance` call share: the plugin, its opened sessions, and everything it was heard to say. */
import type { AnySession, Opened } from './session.js';
import type {
  Context,
  DestinationPlugin,
  DestinationSession,
  SourcePlugin,
  SourceSession,
} from '@sluice/connector-sdk';
import { ok, within } from './assert.js';
import type { AnyOptions, DestinationOptions, SourceOptions } from './options.js';
import type { KitCodec } from './peer.js';
import { plainDial } from './plain-dial.js';
import { Recorder } from './recorder.js';
import { jsonSchema, validate } from './schema.js';

export interface Case {
  /** 'resume/full': what waivers and reports call it. */
  readonly id: string;
  /** Why it cannot run with this peer; it is then listed as not proven, and no test runner shows it as passed. */
  readonly unproven?: string | undefined;
  run(trial: Trial): Promise<void>;
}

/** One run of one case: what it opened and made is undone at its end, in reverse order. */
export class Trial implements AsyncDisposable {
  readonly notes: string[] = [];
  readonly #undo: (() => Promise<unknown> | void)[] = [];
  note(text: string): void {
    this.notes.push(text);
  }
  defer(undo: () => Promise<unknown> | void): void {
    this.#undo.push(undo);
  }
  /** Undoes all, whatever fails on the way; throws the first failure. */
  async [Symbol.asyncDispose](): Promise<void> {
    let failure: { error: unknown } | undefined;
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }
}

type AnyKind = SourcePlugin | DestinationPlugin;

export abstract class Lab<Plugin extends AnyKind, Options extends AnyOptions, Session extends AnySession> {
  readonly recorder = new Recorder();
  readonly seed: number;
  constructor(
    readonly plugin: Plugin,
    readonly options: Options,
  ) {
    this.seed = options.seed ?? Date.now() % 2 ** 31;
  }

  /** The working configuration, unvalidated. */
  get config(): unknown {
    return valueOf(this.options.config);
  }
  get rows(): number {
    return this.options.rows ?? 60;
  }
  get schema(): Record<string, unknown> {
    return jsonSchema(this.plugin);
  }
  path(name: string): readonly string[] {
    return [...(this.options.namespace ?? []), name];
  }
  codec(encoding: string): KitCodec {
    const codec = this.options.codecs?.find((known) => known.encoding === encoding);
    ok(codec, `'${encoding}' is claimed, but the option 'codecs' has none for it`);
    return codec;
  }

  /** Opens a session with the working configuration, or with `config`; disposed of at the end of the trial. */
  async open(
    trial: Trial,
    { abort = new AbortController(), config = this.config, dial = plainDial }: OpenOptions = {},
  ): Promise<Opened<Session>> {
    const valid = await validate(this.plugin, config);
    ok(
      !('issues' in valid),
      `the plugin's schema does not take the configuration: ${'issues' in valid ? valid.issues.join('; ') : ''}`,
    );
    const context: Context = {
      ...(this.options.variant === undefined ? {} : { variant: this.options.variant }),
      signal: abort.signal,
      dial,
      log: (level, message, fields) => this.recorder.hear(`log ${level}`, `${message} ${JSON.stringify(fields ?? {})}`),
    };
    const opening = this.connect(valid.value, context);
    const session = await within(30_000, opening, 'open').catch((error: unknown) => this.recorder.rethrow(error));
    let open = true;
    const dispose = async () => {
      if (!open) return;
      open = false;
      await within(20_000, Promise.resolve(session[Symbol.asyncDispose]()), 'disposing of the session');
    };
    trial.defer(dispose);
    return { session: this.recorder.listen(session), dispose };
  }
  protected abstract connect(config: unknown, context: Context): Promise<Session>;
}
interface OpenOptions {
  readonly abort?: AbortController;
  readonly config?: unknown;
  readonly dial?: Context['dial'];
}

export class SourceLab extends Lab<SourcePlugin, SourceOptions, SourceSession> {
  protected override async connect(config: unknown, context: Context): Promise<SourceSession> {
    return this.plugin.open(config, context);
  }
}
export class DestinationLab extends Lab<DestinationPlugin, DestinationOptions, DestinationSession> {
  protected override async connect(config: unknown, context: Context): Promise<DestinationSession> {
    return this.plugin.open(config, context);
  }
}

/** A value, or what a function answers now. */
export const valueOf = (value: unknown): unknown => (typeof value === 'function' ? (value as () => unknown)() : value);

/** The peer's function. A case that needs one is `unproven` without it and is never run: this fails. */
export function needs<T>(means: T | undefined, name: string): T {
  ok(means !== undefined, `the peer has no '${name}'`);
  return means;
}
