/** Verifies JSON Web Tokens. The algorithm is the server's choice, never the token's; `kid` only looks a key up. */
import type { Permission, Principal } from '@sluice/messages';
import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose';
import { HttpFailure } from '../http/failure.js';
import { uuid } from '../http/fields.js';
import type { AuthSettings } from './settings.js';
import { hasUniqueKeys } from './unique-keys.js';

/** A principal and until when it may be believed, in ms since 1970. */
export interface Verified {
  readonly principal: Principal;
  readonly until: number;
}
export type VerifyToken = (token: string) => Promise<Verified>;

/** 401 with a reason that says no more than its holder knows. */
export const unauthorized = (message: string): HttpFailure =>
  new HttpFailure(401, message, { 'www-authenticate': 'Bearer realm="sluice"' });

const longest = 8 * 1024;
const leeway = 30;

/** Throws HttpFailure: 401, or 503 when the issuer's keys cannot be had. */
export function tokenVerifier(settings: AuthSettings): VerifyToken {
  const verify = signatureCheck(settings);
  return async (token) => {
    if (token.length > longest) throw unauthorized('The token is too long');
    const payload = await verify(token).catch((error: unknown) => Promise.reject(asFailure(error)));
    if (!partsAreUnambiguous(token)) throw unauthorized('The token is not valid');
    return verified(payload, settings);
  };
}

function signatureCheck({ keys, issuer, audience }: AuthSettings): (token: string) => Promise<JWTPayload> {
  const claims = { issuer, audience, clockTolerance: leeway, requiredClaims: ['exp'] };
  if ('secret' in keys)
    return async (token) => (await jwtVerify(token, keys.secret, { ...claims, algorithms: ['HS256'] })).payload;
  const published: JWTVerifyGetKey = createRemoteJWKSet(keys.jwksUrl, {
    timeoutDuration: 5000,
    cooldownDuration: 10_000,
  });
  return async (token) => (await jwtVerify(token, published, { ...claims, algorithms: ['RS256', 'ES256'] })).payload;
}

function asFailure(error: unknown): HttpFailure {
  if (error instanceof errors.JWTExpired) return unauthorized('The token has expired');
  const keyServer = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
  const refused = error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC';
  if (refused && !keyServer) return unauthorized('The token is not valid');
  if (error instanceof TypeError && !/fetch/i.test(error.message)) return unauthorized('The token is not valid');
  return new HttpFailure(503, "The token issuer's keys cannot be read now; try again", { 'retry-after': '5' }, error);
}

function partsAreUnambiguous(token: string): boolean {
  const [header = '', payload = ''] = token.split('.');
  return [header, payload].every((part) => hasUniqueKeys(Buffer.from(part, 'base64url').toString('utf8')));
}

function verified(payload: JWTPayload, { maxLifetime }: AuthSettings): Verified {
  const { exp = 0, sub, tenant_id: tenantId } = payload;
  if (exp - Date.now() / 1000 > maxLifetime + leeway) throw unauthorized('The token lives too long');
  if (typeof tenantId !== 'string' || !uuid.test(tenantId))
    throw unauthorized('The token names no tenant (claim tenant_id, a UUID)');
  const who = typeof sub === 'string' && sub !== '' ? sub.slice(0, 200) : 'unnamed';
  const principal = { tenantId: tenantId.toLowerCase(), subject: `user:${who}`, permissions: permissionsIn(payload) };
  return { principal, until: (exp + leeway) * 1000 };
}

const all: readonly Permission[] = ['data:ingestion:read', 'data:ingestion:manage', 'admin'];
/** Claim `permissions` (a list) and claim `scope` (words) together; words that are not ours mean nothing here. */
function permissionsIn({ permissions, scope }: JWTPayload): Permission[] {
  const listed = Array.isArray(permissions) ? permissions : [];
  const words = typeof scope === 'string' ? scope.split(' ') : [];
  return all.filter((one) => listed.includes(one) || words.includes(one));
}
