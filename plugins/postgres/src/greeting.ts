/** What a server says before it is trusted to be PostgreSQL: looked at before pg's parser, which would wait for gigabytes or throw. */
import { NoTls, OtherServer, guardData, speakerOf } from '@sluice/sql';
import type { Client } from 'pg';
import { type Attempt, BrokenProtocol } from './connect-error.js';

/** A login and the session's settings take a few kilobytes. */
const greetingLimit = 1 << 20;
/** As libpq has it: lengths that a first message can have, by its letter. */
const first: Readonly<Record<string, readonly [number, number]>> = {
  R: [8, 2000],
  E: [5, 30_000],
  N: [5, 30_000],
  v: [5, 30_000],
};

/** Watches until the answer is called; refusals end the socket with OtherServer or NoTls. */
export function watchGreeting(
  connection: Client['connection'],
  tls: boolean,
  far: { -readonly [K in 'spoke']: Attempt[K] },
): () => void {
  const spoke = (): void => void (far.spoke = true);
  const releases: (() => void)[] = [];
  const watch = (look: (chunk: Buffer) => void): void => void releases.push(guardData(connection.stream, look));
  if (!tls) watch(messages(spoke));
  else {
    watch((chunk) => (spoke(), tlsAnswer(chunk)));
    connection.once('sslconnect', () => watch(messages(spoke)));
  }
  return () => releases.forEach((release) => release());
}

/** One byte, and no more: what comes with it in clear would be taken for what came over TLS. */
function tlsAnswer(chunk: Buffer): void {
  if (chunk.length === 1 && chunk[0] === 0x53) return;
  if (chunk.length === 1 && chunk[0] === 0x4e) throw new NoTls();
  // An error in place of an answer: a server that is out of processes; without TLS it may say more.
  if (chunk[0] === 0x45) throw new NoTls();
  throw new OtherServer(speakerOf(chunk));
}

function messages(spoke: () => void): (chunk: Buffer) => void {
  let held = Buffer.alloc(0);
  let bytes = 0;
  let begun = false;
  return (chunk) => {
    spoke();
    bytes += chunk.length;
    if (bytes > greetingLimit) throw new OtherServer('something that says more than a login takes');
    held = Buffer.concat([held, chunk]);
    begun ||= begins(held);
    while (begun && held.length >= 5 && held.length > held.readUInt32BE(1)) {
      const end = 1 + held.readUInt32BE(1);
      if (!wellFormed(held[0]!, held.subarray(5, end))) throw new BrokenProtocol();
      held = held.subarray(Math.max(5, end));
    }
  };
}

/** True when the first message has a head that PostgreSQL could send; false when there is too little of it to tell. */
function begins(head: Buffer): boolean {
  const range = first[String.fromCharCode(head[0]!)];
  if (range === undefined) throw new OtherServer(speakerOf(head));
  if (head.length < 5) return false;
  const length = head.readUInt32BE(1);
  if (length < range[0] || length > range[1]) throw new OtherServer(speakerOf(head));
  return true;
}

/** pg looks for the zero byte that ends a text, and for the end of a list, without an end of its own: it would look forever. */
function wellFormed(letter: number, body: Buffer): boolean {
  switch (String.fromCharCode(letter)) {
    case 'E':
    case 'N':
      return endOfList(body, 0) !== undefined;
    case 'R':
      return body.length >= 4 && (body.readInt32BE(0) !== 10 || endOfList(body, 4) !== undefined);
    case 'S':
      return textsFit(body, 0, 2);
    case 'C':
      return textsFit(body, 0, 1);
    case 'A':
      return textsFit(body, 4, 2);
    case 'T':
      return columnsFit(body);
    default:
      return true;
  }
}

/** After texts that are not empty, the place of the empty one that ends them. */
function endOfList(body: Buffer, from: number): number | undefined {
  for (let at = from; at < body.length;) {
    if (body[at] === 0) return at;
    const end = body.indexOf(0, at + 1);
    if (end < 0) return undefined;
    at = end + 1;
  }
  return undefined;
}

function textsFit(body: Buffer, from: number, count: number): boolean {
  let at = from;
  for (let i = 0; i < count; i++) {
    const end = body.indexOf(0, at);
    if (end < 0) return false;
    at = end + 1;
  }
  return true;
}

function columnsFit(body: Buffer): boolean {
  if (body.length < 2) return false;
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const end = body.indexOf(0, at);
    if (end < 0) return false;
    at = end + 1 + 18;
  }
  return at <= body.length;
}
