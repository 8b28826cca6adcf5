// @ts-check
/** A small HTTP server that answers like Sluice's REST API as far as the demo goes, and copies the table itself. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { postgresUrl, withPostgres } from '../postgres-client.mjs';

/** @typedef {Record<string, any>} Body */

/** @param {string} from @param {string} to */
const copyCities = async (from, to) => {
  const json = await withPostgres(
    from,
    async (client) => (await client.query('SELECT json_agg(c)::text AS json FROM geo.cities c')).rows[0].json,
  );
  await withPostgres(to, async (client) => {
    await client.query('DROP TABLE IF EXISTS public.cities');
    await client.query(`CREATE TABLE public.cities (id bigint, name text, country varchar(2), region text, district text,
      latitude numeric(8,5), longitude numeric(8,5), southern boolean)`);
    await client.query(
      'INSERT INTO public.cities SELECT * FROM json_populate_recordset(NULL::public.cities, $1::json)',
      [json],
    );
  });
};

/**
 * @param {{ events: boolean, spoil?: boolean }} behaviour `events`: has an event stream; `spoil`: changes a value on the way
 */
export const startStandInApi = async ({ events, spoil = false }) => {
  /** @type {Record<string, Body[]>} */
  const made = { sources: [], destinations: [], connections: [] };
  /** @type {string[]} */
  const requests = [];
  /** @type {Body} */
  const sync = { id: 'sync-1', status: 'RUNNING', recordsSynced: null, durationMs: null };

  /** @param {Body} config */
  const urlOf = ({ host, port, username, password, database }) =>
    postgresUrl({ host, port, user: username, password, database });

  const runSync = async () => {
    const [from, to] = [urlOf(made.sources?.[0]?.connectionConfig), urlOf(made.destinations?.[0]?.connectionConfig)];
    await copyCities(from, to);
    if (spoil) await withPostgres(to, (client) => client.query("UPDATE cities SET name = name || ' ' WHERE id = 77"));
    Object.assign(sync, { status: 'SUCCEEDED', recordsSynced: 171_075, durationMs: 1234 });
  };

  /** @param {string} method @param {string[]} path @param {Body} body @returns {[number, unknown]} */
  const answer = (method, [collection = '', id = '', action], body) => {
    const list = made[collection];
    if (collection === 'syncs' && method === 'POST') {
      Object.assign(sync, { status: 'RUNNING' });
      void runSync();
      return [202, sync];
    }
    if (collection === 'syncs') return [200, sync];
    if (!list) return [404, { message: 'no such thing' }];
    if (action === 'discover') return [200, { streams: [{ name: 'geo.cities', columns: Array(8).fill({}) }] }];
    if (action === 'test') return [200, { status: 'ACTIVE' }];
    if (method === 'GET') return [200, list];
    if (method === 'PUT') return [200, Object.assign(list.find((item) => item.id === id) ?? {}, body)];
    list.push({ ...body, id: `${collection}-${list.length + 1}` });
    return [201, list.at(-1)];
  };

  const server = createServer(async (request, response) => {
    const path = (request.url ?? '').replace(/^\/api\/v1\//, '').split('/');
    requests.push(
      `${request.method} ${request.url} ${request.headers.authorization} ${request.headers['x-tenant-id']}`,
    );
    let text = '';
    for await (const piece of request) text += piece;
    if (path[2] === 'events') {
      if (!events) return void response.writeHead(404).end();
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      for (let rows = 50_000; sync.status === 'RUNNING' && rows <= 150_000; rows += 50_000) {
        response.write(
          `id: ${rows}\nevent: progress\ndata: {"rowsRead":${rows},"rowsWritten":${rows},"bytes":1,"estimatedRows":171075,"phase":"load"}\n\n`,
        );
        await new Promise((done) => setTimeout(done, 300));
      }
      while (sync.status === 'RUNNING') await new Promise((done) => setTimeout(done, 20));
      return void response.end('event: log\ndata: {"message":"swapped"}\n\nevent: finished\ndata: {}\n\n');
    }
    const [status, answered] = answer(request.method ?? '', path, text ? JSON.parse(text) : {});
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(answered));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}`, requests, made, stop: () => void server.close() };
};
