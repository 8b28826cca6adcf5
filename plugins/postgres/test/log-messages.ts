/** Messages of pgoutput as a server would send them, for tests. */

const u8 = (value: number): Buffer => Buffer.from([value]);
const u16 = (value: number): Buffer => buffer(2, (b) => b.writeUInt16BE(value));
const u32 = (value: number): Buffer => buffer(4, (b) => b.writeUInt32BE(value));
const i32 = (value: number): Buffer => buffer(4, (b) => b.writeInt32BE(value));
const u64 = (value: bigint): Buffer => buffer(8, (b) => b.writeBigUInt64BE(value));
const text = (value: string): Buffer => Buffer.from(`${value}\0`);
function buffer(size: number, fill: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(size);
  fill(bytes);
  return bytes;
}
const join = (letter: string, ...parts: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from(letter), ...parts]);
const inside = (xid: number | undefined): Buffer => (xid === undefined ? Buffer.alloc(0) : u32(xid));

/** A cell: text, NULL, or unchanged. */
export type LogCell = string | null | undefined;
export const tuple = (letter: string, cells: readonly LogCell[]): Buffer =>
  join(
    letter,
    u16(cells.length),
    ...cells.map((cell) => {
      if (cell === null) return Buffer.from('n');
      if (cell === undefined) return Buffer.from('u');
      return join('t', i32(Buffer.byteLength(cell)), Buffer.from(cell));
    }),
  );

export interface LogColumn {
  readonly name: string;
  readonly type: number;
  readonly identity?: boolean;
  readonly modifier?: number;
}
export const log = {
  begin: (xid: number, lsn: bigint) => join('B', u64(lsn), u64(0n), u32(xid)),
  commit: (lsn: bigint, end: bigint) => join('C', u8(0), u64(lsn), u64(end), u64(0n)),
  origin: (lsn: bigint, name: string) => join('O', u64(lsn), text(name)),
  relation: (
    id: number,
    path: readonly [string, string],
    columns: readonly LogColumn[],
    identity = 'd',
    xid?: number,
  ) =>
    join(
      'R',
      inside(xid),
      u32(id),
      text(path[0]),
      text(path[1]),
      Buffer.from(identity),
      u16(columns.length),
      ...columns.flatMap(({ name, type, identity: part, modifier }) => [
        u8(part ? 1 : 0),
        text(name),
        u32(type),
        i32(modifier ?? -1),
      ]),
    ),
  type: (id: number, schema: string, name: string, xid?: number) =>
    join('Y', inside(xid), u32(id), text(schema), text(name)),
  insert: (relation: number, after: readonly LogCell[], xid?: number) =>
    join('I', inside(xid), u32(relation), tuple('N', after)),
  update: (relation: number, after: readonly LogCell[], before?: Buffer, xid?: number) =>
    join('U', inside(xid), u32(relation), before ?? Buffer.alloc(0), tuple('N', after)),
  delete: (relation: number, before: Buffer, xid?: number) => join('D', inside(xid), u32(relation), before),
  truncate: (relations: readonly number[], options = 0, xid?: number) =>
    join('T', inside(xid), u32(relations.length), u8(options), ...relations.map(u32)),
  message: (prefix: string, content: string, transactional = false, xid?: number) =>
    join('M', inside(xid), u8(transactional ? 1 : 0), u64(5n), text(prefix), u32(content.length), Buffer.from(content)),
  streamStart: (xid: number, first = true) => join('S', u32(xid), u8(first ? 1 : 0)),
  streamStop: () => join('E'),
  streamCommit: (xid: number, lsn: bigint, end: bigint) => join('c', u32(xid), u8(0), u64(lsn), u64(end), u64(0n)),
  streamAbort: (xid: number, subxid: number) => join('A', u32(xid), u32(subxid)),
  streamAbortAt: (xid: number, subxid: number) => join('A', u32(xid), u32(subxid), u64(1n), u64(2n)),
};
