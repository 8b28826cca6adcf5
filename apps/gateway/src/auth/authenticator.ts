/** Who is asking: reads the credential off the headers, verifies it once, and remembers it for a while by its hash. */
import { createHash } from 'node:crypto';
import type { Principal } from '@sluice/messages';
import type { Bus } from '../bus.js';
import { unauthorized, type Verified, type VerifyToken } from './jwt.js';

export interface Credentials {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | string[] | undefined;
}
/** How long a key that was good is believed; a revoked one works no longer than this, in ms. */
export const keyMemory = 10_000;
const mostRemembered = 10_000;
const keyForm = /^[\w.~-]{8,256}$/;

export class Authenticator {
  readonly #known = new Map<string, Verified>();
  readonly #asked = new Map<string, Promise<Verified>>();

  constructor(
    private readonly bus: Bus,
    private readonly verifyToken: VerifyToken,
  ) {}

  /** At once for a credential that is remembered. Throws or rejects with HttpFailure 401 or 503. */
  authenticate(headers: Credentials): Principal | Promise<Principal> {
    const credential = credentialIn(headers);
    // The digest, so that neither a core dump nor a slip of the log shows a table of live tokens.
    const hash = createHash('sha256').update(credential.text).digest('hex');
    const known = this.#known.get(hash);
    if (known !== undefined && known.until > Date.now()) return known.principal;
    return this.#verify(credential, hash);
  }

  async #verify({ kind, text }: Credential, hash: string): Promise<Principal> {
    let asking = this.#asked.get(hash);
    if (asking === undefined) {
      asking = kind === 'token' ? this.verifyToken(text) : this.#verifyKey(hash);
      this.#asked.set(hash, asking);
      void asking.then(
        () => this.#asked.delete(hash),
        () => this.#asked.delete(hash),
      );
    }
    const verified = await asking;
    this.#remember(hash, verified);
    return verified.principal;
  }

  async #verifyKey(hash: string): Promise<Verified> {
    const principal = await this.bus.call('catalog.keys.verify', { hash });
    if (principal === null) throw unauthorized('The API key is not valid');
    return { principal, until: Date.now() + keyMemory };
  }

  #remember(hash: string, verified: Verified): void {
    this.#known.delete(hash);
    if (this.#known.size >= mostRemembered) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(hash, verified);
  }
}

interface Credential {
  readonly kind: 'token' | 'key';
  readonly text: string;
}
/** `Authorization: Bearer <JWT or sk_ key>`, else `X-API-Key`. */
function credentialIn(headers: Credentials): Credential {
  const { authorization } = headers;
  if (authorization !== undefined) {
    const text = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
    if (text === undefined) throw unauthorized('The Authorization header must be "Bearer <token>"');
    return text.startsWith('sk_') ? key(text) : { kind: 'token', text };
  }
  const given = headers['x-api-key'];
  if (typeof given === 'string' && given !== '') return key(given);
  throw unauthorized('A bearer token (Authorization) or an API key (X-API-Key) is required');
}
function key(text: string): Credential {
  if (!keyForm.test(text)) throw unauthorized('The API key is not valid');
  return { kind: 'key', text };
}
