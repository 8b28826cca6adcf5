/** What is asked of a server that takes us for a replica, as commands of the driver. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { MysqlGtids } from './gtid-set.js';
import { type Place, lost } from './position.js';

/** A place of this server's files; all but these transactions (MySQL); behind this position of domains (MariaDB). */
export type DumpStart =
  | { readonly by: 'place'; readonly place: Place }
  | { readonly by: 'gtids'; readonly gtids: MysqlGtids }
  | { readonly by: 'domains'; readonly state: string };

/** The packet that the driver hands over, and a connection as far as we use it. */
export interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  isEOF(): boolean;
  isError(): boolean;
  asError(encoding: string): Error;
}
export interface Driver {
  readonly stream: Socket;
  addCommand(command: object): void;
  writePacket(packet: object): void;
  _resetSequenceId(): void;
}

const command = { dump: 0x12, register: 0x15, dumpGtid: 0x1e } as const;
const nonBlocking = 0x01;
const byGtid = 0x04;

const u16 = (value: number): Buffer => Buffer.from([value & 0xff, value >> 8]);
function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function dumpRequest(start: DumpStart, serverId: number, untilEnd: boolean): Buffer {
  const flags = untilEnd ? nonBlocking : 0;
  if (start.by === 'gtids') {
    const set = start.gtids.encode();
    const head = [Buffer.from([command.dumpGtid]), u16(flags | byGtid), u32(serverId), u32(0), u64(4)];
    return Buffer.concat([...head, u32(set.length), set]);
  }
  const { file, position } = start.by === 'place' ? start.place : { file: '', position: 4 };
  if (position >= 2 ** 32) {
    const asked = `${file}:${position}`;
    throw lost('A place beyond 4 GiB in a file can only be asked for by global ids.', asked, 'places below 4 GiB');
  }
  return Buffer.concat([Buffer.from([command.dump]), u32(position), u16(flags), u32(serverId), Buffer.from(file)]);
}

/** One request of ours, in the driver's queue of commands. */
export abstract class Request extends EventEmitter {
  #sent = false;
  constructor(private readonly request: Buffer) {
    super();
  }
  /** True when done. */
  abstract answer(packet: Packet): boolean;
  /** The connection is gone. */
  abstract onResult(error: unknown): void;
  stateName(): string {
    return 'binlog';
  }
  execute(packet: Packet | undefined, driver: Driver): boolean {
    if (packet !== undefined && this.#sent) return this.answer(packet);
    this.#sent = true;
    driver._resetSequenceId();
    const buffer = Buffer.concat([Buffer.alloc(4), this.request]);
    const writeHeader = (sequence: number): void => {
      buffer.writeUIntLE(this.request.length, 0, 3);
      buffer[3] = sequence;
    };
    driver.writePacket({ buffer, length: () => buffer.length, writeHeader });
    return false;
  }
}

export function register(driver: Driver, serverId: number): Promise<void> {
  // Host, user and password of the replica are for display only; no secret goes there.
  const request = Buffer.concat([
    Buffer.from([command.register]),
    u32(serverId),
    Buffer.alloc(3),
    u16(0),
    u32(0),
    u32(0),
  ]);
  return new Promise((resolve, reject) => {
    class Register extends Request {
      answer(packet: Packet): boolean {
        if (packet.isError()) reject(packet.asError('utf8'));
        else resolve();
        return true;
      }
      onResult(error: unknown): void {
        reject(error as Error);
      }
    }
    driver.addCommand(new Register(request));
  });
}
