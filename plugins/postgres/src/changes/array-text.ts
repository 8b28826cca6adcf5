/** PostgreSQL's text of an array ('{1,NULL,"a,b"}') as the JSON that a full read makes of it; docs/encodings/rows.md. */

export type Elements = 'direct' | 'documents' | 'quoted';
export interface ArrayForm {
  readonly elements: Elements;
  /** Between two elements: ';' for box, else ','. */
  readonly delimiter: string;
  /** What a cast of the element to text does beyond its own output. */
  readonly asText?: (text: string) => string;
}

const maxDimensions = 3;
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** The JSON; undefined for what a full read refuses: bounds of its own, too many dimensions, documents that JSON would mix up. */
export function arrayAsJson(text: string, form: ArrayForm): string | undefined {
  if (text.charCodeAt(0) === bracket) return undefined;
  const limit = form.elements === 'documents' ? 1 : maxDimensions;
  const parse = new Parser(text, form, limit);
  const json = parse.array(1);
  return parse.refused ? undefined : json;
}

const bracket = '['.charCodeAt(0);
const open = '{'.charCodeAt(0);
const close = '}'.charCodeAt(0);
const backslash = '\\'.charCodeAt(0);
const quotes = '"'.charCodeAt(0);

class Parser {
  readonly #text: string;
  readonly #form: ArrayForm;
  readonly #limit: number;
  readonly #delimiter: number;
  #at = 0;
  refused = false;

  constructor(text: string, form: ArrayForm, limit: number) {
    this.#text = text;
    this.#form = form;
    this.#limit = limit;
    this.#delimiter = form.delimiter.charCodeAt(0);
  }

  array(depth: number): string {
    if (depth > this.#limit) this.refused = true;
    let json = '[';
    this.#at++; // {
    while (this.#here() !== close) {
      json += this.#here() === open ? this.array(depth + 1) : this.#element();
      if (this.#here() !== this.#delimiter) continue;
      json += ',';
      this.#at++;
    }
    this.#at++; // }
    return `${json}]`;
  }

  #element(): string {
    if (this.#here() === quotes) return this.#json(this.#quoted());
    const start = this.#at;
    for (let code = this.#here(); code !== this.#delimiter && code !== close; code = this.#here()) this.#at++;
    const text = this.#text.slice(start, this.#at);
    return text === 'NULL' ? 'null' : this.#json(text);
  }

  #quoted(): string {
    const start = ++this.#at;
    for (let code = this.#here(); code !== quotes; code = this.#here()) this.#at += code === backslash ? 2 : 1;
    const text = this.#text.slice(start, this.#at++);
    return text.includes('\\') ? text.replace(/\\([^])/g, '$1') : text;
  }

  #here(): number {
    if (this.#at >= this.#text.length) throw new RangeError('an array without its end');
    return this.#text.charCodeAt(this.#at);
  }

  #json(text: string): string {
    const { elements, asText } = this.#form;
    if (elements === 'documents') {
      if (text === 'null') this.refused = true;
      return text;
    }
    if (elements === 'direct') {
      if (text === 't') return 'true';
      if (text === 'f') return 'false';
      if (jsonNumber.test(text)) return text;
    }
    return JSON.stringify(asText ? asText(text) : text);
  }
}
