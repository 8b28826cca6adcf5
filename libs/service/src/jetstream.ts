/** Streams are created where missing and read back, because an old server ignores what it does not know. */
import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  jetstream,
  jetstreamManager,
  type JetStreamClient,
  type StreamConfig,
} from '@nats-io/jetstream';
import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { streams } from '@sluice/messages';

const day = 24 * 60 * 60 * 1e9; // nanoseconds, as JetStream counts
const wanted: readonly (Partial<StreamConfig> & { name: string })[] = [
  {
    name: streams.runs.name,
    subjects: [...streams.runs.subjects],
    retention: RetentionPolicy.Workqueue,
    duplicate_window: day / 24,
  },
  {
    name: streams.runEvents.name,
    subjects: [...streams.runEvents.subjects],
    retention: RetentionPolicy.Limits,
    max_age: 7 * day,
    max_bytes: 2 * 1024 ** 3,
    discard: DiscardPolicy.Old,
  },
];

export class Jets {
  private constructor(
    readonly client: JetStreamClient,
    private readonly kvm: Kvm,
  ) {}

  /** `replicas`: 1 on one server, 3 in a cluster. */
  static async open(nats: NatsConnection, replicas = 1): Promise<Jets> {
    const manager = await jetstreamManager(nats);
    for (const config of wanted)
      await ensure(manager, { ...config, storage: StorageType.File, num_replicas: replicas });
    return new Jets(jetstream(nats), new Kvm(nats));
  }

  /** A key-value bucket whose entries vanish after `ttl` ms without renewal. */
  bucket(name: string, ttl: number): Promise<KV> {
    return this.kvm.create(name, { ttl, storage: StorageType.File, history: 1 });
  }
}

/** Then nothing is asked for, so that services which may not change streams can start. */
const agrees = (actual: StreamConfig, wanted: Partial<StreamConfig>): boolean =>
  (Object.keys(wanted) as (keyof StreamConfig)[]).every(
    (key) => JSON.stringify(actual[key]) === JSON.stringify(wanted[key]),
  );

type Manager = Awaited<ReturnType<typeof jetstreamManager>>;
async function ensure(manager: Manager, config: Partial<StreamConfig> & { name: string }): Promise<void> {
  const known = await manager.streams.info(config.name).catch(() => undefined);
  const { config: actual } =
    known === undefined
      ? await manager.streams.add(config)
      : agrees(known.config, config)
        ? known
        : await manager.streams.update(config.name, config);
  for (const key of ['retention', 'storage', 'num_replicas'] as const) {
    if (actual[key] !== config[key])
      throw new Error(`stream ${config.name} has ${key} ${actual[key]}, not ${config[key]}: the server refused it`);
  }
}
