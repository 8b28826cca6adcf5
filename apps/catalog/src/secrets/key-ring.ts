/** Keys that encrypt data keys. They live outside the database, so that a dump of it yields no secret. */
export interface KeyRing {
  /** Id of the key that new data keys are wrapped with. */
  readonly current: string;
  readonly keys: ReadonlyMap<string, Buffer>;
}
const keyBytes = 32;

/** `text`: {"current":"k1","keys":{"k1":"<base64 of 32 bytes>"}}. Throws an error that never quotes a key. */
export function parseKeyRing(text: string): KeyRing {
  const { current, keys } = parsed(text);
  const ring = new Map(Object.entries(keys).map(([id, value]) => [id, keyOf(id, value)] as const));
  if (!ring.has(current)) throw wrong(`its current key ${JSON.stringify(current)} is not among its keys`);
  return { current, keys: ring };
}

function parsed(text: string): { current: string; keys: Record<string, unknown> } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('it is not JSON');
  }
  const { current, keys } = (value ?? {}) as { current?: unknown; keys?: unknown };
  if (typeof current !== 'string' || typeof keys !== 'object' || keys === null)
    throw wrong('it needs "current" and "keys"');
  return { current, keys: keys as Record<string, unknown> };
}

function keyOf(id: string, value: unknown): Buffer {
  const key = Buffer.from(typeof value === 'string' ? value : '', 'base64');
  if (key.length !== keyBytes)
    throw wrong(`its key ${JSON.stringify(id)} has ${key.length} bytes; ${keyBytes} bytes in base64 are needed`);
  return key;
}

const wrong = (reason: string): Error =>
  new Error(`SLUICE_KEYRING cannot be used: ${reason}. Example: {"current":"k1","keys":{"k1":"<base64 of 32 bytes>"}}`);
