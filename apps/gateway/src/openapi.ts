/**
 * Writes the OpenAPI document to the standard output or, with `--write <file>`, to a file; with `--check <file>` compares it with
 * one and fails on drift. Needs no other service.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Ops, createLogger, main } from '@sluice/service';
import { Bus, EventLog, type LoggedEvent } from './bus.js';
import { createGateway } from './gateway.js';

class NoBus extends Bus {
  call(): Promise<never> {
    return Promise.reject(new Error('nothing is asked while documents are written'));
  }
}
class NoEvents extends EventLog {
  async *read(): AsyncGenerator<LoggedEvent> {}
}

/** The document as text, the same on every machine. */
export async function openApiText(): Promise<string> {
  const auth = { keys: { secret: Buffer.alloc(32) }, issuer: '', audience: '', maxLifetime: 0 };
  const backing = {
    bus: new NoBus(),
    events: new NoEvents(),
    ops: new Ops('gateway'),
    logger: createLogger('gateway', 'silent'),
  };
  const { app, document } = await createGateway(backing, { bodyLimit: 1024, auth });
  await app.close();
  return `${JSON.stringify(document, null, 2)}\n`;
}

async function run([flag, file = '']: readonly string[]): Promise<void> {
  const text = await openApiText();
  if (flag === '--write') writeFileSync(file, text);
  else if (flag !== '--check') process.stdout.write(text);
  else if (readFileSync(file, 'utf8') !== text)
    throw new Error(`${file} is not what the code says; run npm run generate`);
}

if (require.main === module) main(() => run(process.argv.slice(2)));
