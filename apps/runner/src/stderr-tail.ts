import type { Readable } from 'node:stream';

const kept = 8 * 1024;

/** The last 8 KiB that a process wrote before it died: the only witness of a crash. */
export class StderrTail {
  #text = '';
  constructor(stream: Readable) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => (this.#text = (this.#text + chunk).slice(-kept)));
  }
  get text(): string {
    return this.#text.trim();
  }
}
