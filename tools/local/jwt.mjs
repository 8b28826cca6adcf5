// @ts-check
/** Signs the token of a local platform's administrator. */
import { createHmac } from 'node:crypto';

/** @param {unknown} value */
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/**
 * @param {Record<string, unknown>} claims @param {string} secret
 * @returns {string} a compact HS256 token
 */
export const signToken = (claims, secret) => {
  const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
};

/**
 * @param {string} tenantId @param {string} secret
 * @param {number} [now] seconds
 */
export const adminToken = (tenantId, secret, now = Math.floor(Date.now() / 1000)) =>
  signToken(
    {
      iss: 'sluice',
      aud: 'sluice',
      sub: 'local-admin',
      tenant_id: tenantId,
      permissions: ['data:ingestion:read', 'data:ingestion:manage', 'admin'],
      iat: now,
      exp: now + 30 * 24 * 3600,
    },
    secret,
  );
