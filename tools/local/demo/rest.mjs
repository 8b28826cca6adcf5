// @ts-check
/** Sluice's REST API, as the demo uses it. */
import { UserError } from '../say.mjs';

/** @typedef {{ id: string, name: string, status?: string }} Resource */

/**
 * @param {{ url: string, token: string, tenantId: string }} platform
 */
export const restClient = ({ url, token, tenantId }) => {
  const headers = { Authorization: `Bearer ${token}`, 'X-Tenant-Id': tenantId };

  /**
   * @param {string} method @param {string} path below /api/v1 @param {unknown} [body]
   * @returns {Promise<any>} the answer's body; an error answer throws with its message
   */
  const call = async (method, path, body) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.ok) return text ? JSON.parse(text) : undefined;
    throw new UserError(`${method} /api/v1${path} answered ${response.status}: ${messageIn(text)}`);
  };

  /**
   * Finds a resource by its name and brings it up to date, or creates it.
   * @param {string} collection such as `/sources`
   * @param {{ name: string } & Record<string, unknown>} body
   * @param {Record<string, unknown>} [fixed] what cannot be changed afterwards
   * @returns {Promise<Resource & { created: boolean }>}
   */
  const ensure = async (collection, body, fixed = {}) => {
    /** @type {Resource | undefined} */
    const found = (await call('GET', collection)).find((/** @type {Resource} */ { name }) => name === body.name);
    if (found) return { ...(await call('PUT', `${collection}/${found.id}`, body)), created: false };
    return { ...(await call('POST', collection, { ...body, ...fixed })), created: true };
  };

  return { call, ensure, url, headers };
};

/** @typedef {ReturnType<typeof restClient>} RestClient */

/** @param {string} text */
const messageIn = (text) => {
  try {
    return JSON.parse(text).message ?? text;
  } catch {
    return text.slice(0, 500);
  }
};
