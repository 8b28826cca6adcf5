/**
 * Envelope encryption: every secret has a random data key of its own, which a key of the ring wraps. Both layers are
 * AES-256-GCM bound to the secret's owner, so that a ciphertext moved to another tenant, endpoint or version does not open.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyRing } from './key-ring.js';

export interface Owner {
  readonly tenantId: string;
  readonly endpointId: string;
  readonly version: number;
}
export interface Envelope {
  /** Id of the ring's key that wraps the data key. */
  readonly keyId: string;
  readonly wrapped: Buffer;
  readonly sealed: Buffer;
}

const ivBytes = 12;
const tagBytes = 16;
const boundTo = ({ tenantId, endpointId, version }: Owner): Buffer =>
  Buffer.from(`${tenantId}|${endpointId}|${version}`);

/** iv, ciphertext and tag in one buffer. */
function encrypt(key: Buffer, plain: Buffer, owner: Owner): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(boundTo(owner));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, box: Buffer, owner: Owner): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, ivBytes), { authTagLength: tagBytes });
  decipher.setAAD(boundTo(owner)).setAuthTag(box.subarray(-tagBytes));
  return Buffer.concat([decipher.update(box.subarray(ivBytes, -tagBytes)), decipher.final()]);
}

function keyOf(ring: KeyRing, id: string): Buffer {
  const key = ring.keys.get(id);
  if (!key) throw new Error(`the key ring lacks key ${JSON.stringify(id)}, which a stored secret needs`);
  return key;
}

export function sealSecret(ring: KeyRing, owner: Owner, value: unknown): Envelope {
  const dataKey = randomBytes(32);
  return {
    keyId: ring.current,
    wrapped: encrypt(keyOf(ring, ring.current), dataKey, owner),
    sealed: encrypt(dataKey, Buffer.from(JSON.stringify(value)), owner),
  };
}

/** Throws when a bit has changed, when the owner is another, or when the ring lacks the key. */
export function openSecret(ring: KeyRing, owner: Owner, { keyId, wrapped, sealed }: Envelope): unknown {
  const dataKey = decrypt(keyOf(ring, keyId), wrapped, owner);
  return JSON.parse(decrypt(dataKey, sealed, owner).toString()) as unknown;
}

/** The same secret under the ring's current key; the sealed part stays as it is. */
export function rewrap(ring: KeyRing, owner: Owner, envelope: Envelope): Envelope {
  const dataKey = decrypt(keyOf(ring, envelope.keyId), envelope.wrapped, owner);
  return { ...envelope, keyId: ring.current, wrapped: encrypt(keyOf(ring, ring.current), dataKey, owner) };
}
