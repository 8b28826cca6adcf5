/**
 * Transactions that the server streams while they are still open: kept back until they commit, in memory up to a bound, all
 * together, and in temporary files beyond it. (Invariants 3 and 10)
 */
import { TransientError, codes } from '@sluice/connector-sdk';
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Frame } from './copy-both.js';
import { MalformedMessage } from './message-cursor.js';

const smallBlock = 8 << 10;
const largeBlock = 256 << 10;

export interface HoldOptions {
  /** Bytes of all held transactions that stay in memory. */
  readonly memory: number;
  /** Folder of the temporary files; the system's own when left out. */
  readonly folder?: string;
}

interface Held {
  full: Buffer[];
  block: Buffer;
  used: number;
  bytes: number;
  file: FileHandle | undefined;
  fileBytes: number;
  readonly aborted: Set<number>;
}

export class HeldTransactions implements AsyncDisposable {
  readonly #options: HoldOptions;
  readonly #held = new Map<number, Held>();
  #memory = 0;
  /** Bytes written to temporary files so far. */
  spilled = 0;

  constructor(options: HoldOptions) {
    this.#options = options;
  }
  get count(): number {
    return this.#held.size;
  }

  /** A block of transaction `xid` begins. */
  begin(xid: number): void {
    if (this.#held.has(xid)) return;
    const block = Buffer.allocUnsafe(smallBlock);
    this.#held.set(xid, { full: [], block, used: 0, bytes: 0, file: undefined, fileBytes: 0, aborted: new Set() });
  }

  /** Keeps a message of a block of `xid`. A promise when the bound is passed: nothing is to be added before it is kept. */
  add(xid: number, { bytes, at, end }: Frame): Promise<void> | undefined {
    const held = this.#of(xid);
    const size = 4 + end - at;
    if (held.used + size > held.block.length) this.#grow(held, size);
    held.block.writeUInt32BE(end - at, held.used);
    bytes.copy(held.block, held.used + 4, at, end);
    held.used += size;
    held.bytes += size;
    this.#memory += size;
    return this.#memory > this.#options.memory ? this.#spill() : undefined;
  }

  /** A savepoint of `xid` was rolled back, or all of it. */
  async abort(xid: number, subxid: number): Promise<void> {
    if (xid === subxid) await this.#drop(xid);
    else this.#held.get(xid)?.aborted.add(subxid);
  }

  /** The messages of a transaction that commits, in their order, with what was rolled back left out; then it is forgotten. */
  async *replay(xid: number): AsyncGenerator<Frame> {
    const held = this.#of(xid);
    try {
      let rest: Buffer = Buffer.alloc(0);
      for await (const chunk of chunksOf(held)) {
        const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        let at = 0;
        while (at + 4 <= bytes.length) {
          const end = at + 4 + bytes.readUInt32BE(at);
          if (end > bytes.length) break;
          if (!leftOut(held, bytes, at + 4)) yield { bytes, at: at + 4, end };
          at = end;
        }
        rest = bytes.subarray(at);
      }
      if (rest.length > 0) throw new Error('a held transaction is torn');
    } finally {
      await this.#drop(xid);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const xid of [...this.#held.keys()]) await this.#drop(xid);
  }

  #of(xid: number): Held {
    const held = this.#held.get(xid);
    if (!held) throw new MalformedMessage('a streamed transaction goes on that was never begun');
    return held;
  }

  #grow(held: Held, size: number): void {
    if (held.used > 0) held.full.push(held.block.subarray(0, held.used));
    held.block = Buffer.allocUnsafe(Math.max(size, held.full.length === 0 ? smallBlock : largeBlock));
    held.used = 0;
  }

  /** Writes the largest one out. Its file has no name any more by the time it has content: it goes with the process. */
  async #spill(): Promise<void> {
    const [held] = [...this.#held.values()].sort((a, b) => b.bytes - a.bytes);
    if (!held) return;
    try {
      held.file ??= await unnamedFile(this.#options.folder ?? tmpdir());
      for (const block of [...held.full, held.block.subarray(0, held.used)]) {
        await writeAll(held.file, block, held.fileBytes);
        held.fileBytes += block.length;
        this.spilled += block.length;
      }
    } catch (error) {
      throw spillError(error);
    }
    this.#memory -= held.bytes;
    Object.assign(held, { full: [], used: 0, bytes: 0 });
  }

  async #drop(xid: number): Promise<void> {
    const held = this.#held.get(xid);
    if (!held) return;
    this.#held.delete(xid);
    this.#memory -= held.bytes;
    await held.file?.close();
  }
}

/** Descriptions of tables are kept, whoever sent them: the server takes them as known. */
function leftOut({ aborted }: Held, bytes: Buffer, at: number): boolean {
  const letter = bytes[at];
  return aborted.size > 0 && letter !== 0x52 && letter !== 0x59 && aborted.has(bytes.readUInt32BE(at + 1));
}

async function* chunksOf(held: Held): AsyncGenerator<Buffer> {
  for (let at = 0; held.file && at < held.fileBytes;) {
    const chunk = Buffer.allocUnsafe(Math.min(largeBlock, held.fileBytes - at));
    const { bytesRead } = await held.file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new Error('a temporary file is shorter than what was written to it');
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
  yield* held.full;
  yield held.block.subarray(0, held.used);
}

async function unnamedFile(folder: string): Promise<FileHandle> {
  const path = join(folder, `sluice-changes-${randomBytes(8).toString('hex')}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

async function writeAll(file: FileHandle, block: Buffer, at: number): Promise<void> {
  for (let done = 0; done < block.length;)
    done += (await file.write(block, done, block.length - done, at + done)).bytesWritten;
}

const spillError = (error: unknown): TransientError =>
  new TransientError('A large transaction that is still open could not be written to a temporary file.', {
    code: codes.throttled,
    cause: error,
    fix: 'Free space in the folder for temporary files.',
  });
