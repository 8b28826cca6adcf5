/** Who may sign tokens, from the environment; checked at start. */
import { required, whole } from '@sluice/service';

export interface AuthSettings {
  /** Exactly one way to verify: a shared secret (HS256 only) or published keys (RS256 and ES256 only). */
  readonly keys: { readonly secret: Uint8Array } | { readonly jwksUrl: URL };
  readonly issuer: string;
  readonly audience: string;
  /** The longest a token may still live, in seconds. */
  readonly maxLifetime: number;
}

const day = 24 * 60 * 60;

/** Throws an error that names the variable when one is missing or unfit. There is no default secret. */
export function authSettings(env: NodeJS.ProcessEnv = process.env): AuthSettings {
  return {
    keys: keysFrom(env),
    issuer: env['SLUICE_JWT_ISSUER'] || 'sluice',
    audience: env['SLUICE_JWT_AUDIENCE'] || 'sluice',
    maxLifetime: whole(env, 'SLUICE_JWT_MAX_LIFETIME', 31 * day, 60, 366 * day),
  };
}

function keysFrom(env: NodeJS.ProcessEnv): AuthSettings['keys'] {
  const secret = env['SLUICE_JWT_SECRET'];
  const url = env['SLUICE_JWKS_URL'];
  if (secret && url)
    throw new Error('SLUICE_JWT_SECRET and SLUICE_JWKS_URL are both set; tokens are verified in one way only');
  if (url) return { jwksUrl: checkedUrl(url) };
  if (!secret)
    throw new Error('SLUICE_JWT_SECRET is not set, nor is SLUICE_JWKS_URL: one of them is needed to verify tokens');
  const bytes = Buffer.from(required(env, 'SLUICE_JWT_SECRET'), 'utf8');
  if (bytes.length < 32)
    throw new Error(`SLUICE_JWT_SECRET has ${bytes.length} bytes; at least 32 random ones are needed`);
  if (new Set(bytes).size < 8)
    throw new Error('SLUICE_JWT_SECRET repeats a few characters; 32 or more random bytes are needed');
  return { secret: bytes };
}

function checkedUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const local = url !== undefined && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && local)) return url;
  throw new Error('SLUICE_JWKS_URL must be an https address (http only on this machine)');
}
