/**
 * Tickets let a runner open one endpoint, once and soon, without a secret in the message that asks it to: the ticket names
 * nothing, is stored only as a hash, and what it buys is sealed for the runner that redeems it. (Invariant 12)
 */
import { createHash, randomBytes } from 'node:crypto';
import { forbidden } from '@sluice/messages';
import type { EntityManager } from 'typeorm';
import { first } from '../database/database.js';

export interface Ticket {
  readonly tenant_id: string;
  readonly endpoint_id: string;
  readonly discovery_id: string | null;
}
const hashOf = (ticket: string): string => createHash('sha256').update(ticket).digest('hex');
const refused = (): Error =>
  forbidden('ticket-refused', 'the ticket is unknown, used or expired', { fix: 'ask for a new one' });

/** `seconds`: how long it may be redeemed and, for a discovery, filled. */
export async function issueTicket(em: EntityManager, owner: Ticket, seconds: number): Promise<string> {
  const ticket = randomBytes(32).toString('base64url');
  await em.query(
    `INSERT INTO probe (hash, tenant_id, endpoint_id, discovery_id, expires_at)
     VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))`,
    [hashOf(ticket), owner.tenant_id, owner.endpoint_id, owner.discovery_id, seconds],
  );
  return ticket;
}

/** Uses the ticket up. Throws 'ticket-refused' the second time. */
export async function redeemTicket(em: EntityManager, ticket: string): Promise<Ticket> {
  const found = await first<Ticket>(
    em,
    `UPDATE probe SET redeemed_at = now() WHERE hash = $1 AND redeemed_at IS NULL AND expires_at > now()
     RETURNING tenant_id, endpoint_id, discovery_id`,
    [hashOf(ticket)],
  );
  if (!found) throw refused();
  return found;
}

/** What a redeemed ticket of a discovery may still add streams to. */
export async function openDiscovery(em: EntityManager, ticket: string): Promise<Ticket & { discovery_id: string }> {
  const found = await first<Ticket & { discovery_id: string }>(
    em,
    `SELECT tenant_id, endpoint_id, discovery_id FROM probe
     WHERE hash = $1 AND redeemed_at IS NOT NULL AND expires_at > now() AND discovery_id IS NOT NULL FOR SHARE`,
    [hashOf(ticket)],
  );
  if (!found) throw refused();
  return found;
}

export async function dropTicket(em: EntityManager, ticket: string): Promise<void> {
  await em.query('DELETE FROM probe WHERE hash = $1', [hashOf(ticket)]);
}
