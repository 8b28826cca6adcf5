/**
 * Secrets for one reader: the runner makes a key pair per request, the catalog encrypts to its public half, and what crosses
 * the bus can be opened by nobody else (Invariant 12). X25519, HKDF-SHA-256, AES-256-GCM; all parts are base64url.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';

export interface Sealed {
  readonly key: string;
  readonly iv: string;
  readonly box: string;
}
export interface KeyPair {
  /** To be sent along with the request. */
  readonly publicKey: string;
  open(sealed: Sealed): unknown;
}
const spki = { format: 'der', type: 'spki' } as const;
const encodeKey = (key: KeyObject): string => key.export(spki).toString('base64url');
const decodeKey = (text: string): KeyObject => createPublicKey({ key: Buffer.from(text, 'base64url'), ...spki });
const shared = (privateKey: KeyObject, publicKey: KeyObject, context: string): Buffer =>
  Buffer.from(hkdfSync('sha256', diffieHellman({ privateKey, publicKey }), '', `sluice sealed 1 ${context}`, 32));

/** `context` binds the box to its purpose, e.g. a run id: a box moved to another request does not open. */
export function newKeyPair(context: string): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return {
    publicKey: encodeKey(publicKey),
    open({ key, iv, box }) {
      const bytes = Buffer.from(box, 'base64url');
      const decipher = createDecipheriv(
        'aes-256-gcm',
        shared(privateKey, decodeKey(key), context),
        Buffer.from(iv, 'base64url'),
      );
      decipher.setAuthTag(bytes.subarray(-16));
      const text = Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString();
      return JSON.parse(text) as unknown;
    },
  };
}

/** Encrypts a JSON value for the holder of `publicKey`. Throws when that is not an X25519 key. */
export function seal(value: unknown, publicKey: string, context: string): Sealed {
  const own = generateKeyPairSync('x25519');
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', shared(own.privateKey, decodeKey(publicKey), context), iv);
  const box = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final(), cipher.getAuthTag()]);
  return { key: encodeKey(own.publicKey), iv: iv.toString('base64url'), box: box.toString('base64url') };
}
