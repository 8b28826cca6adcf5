/** What a server says before it is trusted to be of the MySQL family: looked at before the driver, which would wait for what never comes. */
import type { Context } from '@sluice/connector-sdk';
import type { Socket } from 'node:net';
import { ConnectTimeout, OtherServer, guardData, speakerOf } from '@sluice/sql';
import type mysql from 'mysql2';

export interface Far {
  connected: boolean;
  spoke: boolean;
}

/** A login and the session's settings take a few kilobytes. */
const greetingLimit = 1 << 20;

/** `failure` rejects when the time is over, or when it is no MySQL that speaks. `stop` ends the watch. */
export function watchGreeting(
  connection: mysql.Connection,
  far: Far,
  deadline: number,
): { readonly failure: Promise<never>; stop(): void } {
  const { stream } = connection as unknown as { stream: Socket };
  let fail: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => (fail = reject));
  failure.catch(() => undefined); // nobody may be waiting any more
  const release = guardData(stream, greeting(far, fail));
  const limit = setTimeout(() => fail(new ConnectTimeout()), Math.max(1, deadline - Date.now()));
  // Counts what comes over TLS too.
  const size = setInterval(() => {
    if (stream.bytesRead > greetingLimit) fail(new OtherServer('something that says more than a login takes'));
  }, 100);
  const stop = (): void => {
    release();
    clearTimeout(limit);
    clearInterval(size);
  };
  return { failure, stop };
}

/** Its first packet has the number 0, and is a greeting of protocol 10 or an error. */
function greeting(far: Far, fail: (error: Error) => void): (chunk: Buffer) => void {
  let head = Buffer.alloc(0);
  return (chunk) => {
    far.spoke = true;
    if (head.length >= 5) return;
    head = Buffer.concat([head, chunk.subarray(0, 64)]);
    if (head.length < 5 && !/^[\x20-\x7e]{4}$/.test(head.toString('latin1'))) return;
    const length = head.readUIntLE(0, 3);
    if (head[3] === 0 && (head[4] === 0x0a || head[4] === 0xff) && length > 4 && length < 4096) return;
    const error = new OtherServer(speakerOf(head));
    fail(error);
    throw error;
  };
}

/** A request for TLS as PostgreSQL knows it: web servers answer it too, with a complaint. */
const question = Buffer.from([0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]);

/** Speaks to who is silent. Undefined when there is no answer within a second, or one that nobody knows. */
export async function askSpeaker(
  { dial }: Pick<Context, 'dial'>,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string | undefined> {
  const socket = await dial({ host, port, timeout: 1000 }).catch(() => undefined);
  return (
    socket &&
    new Promise((resolve) => {
      const end = (speaker?: string): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(speaker);
      };
      const timer = setTimeout(end, 1000);
      socket.write(question);
      socket.on('data', (chunk: Buffer) => end(speakerOf(chunk)));
      socket.on('error', () => end());
      socket.on('close', () => end());
    })
  );
}
