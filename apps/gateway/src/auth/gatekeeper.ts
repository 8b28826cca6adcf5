/** Decides about every request before its body is read: who asks, for which tenant, and whether they may. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Principal } from '@sluice/messages';
import type { FastifyRequest } from 'fastify';
import { HttpFailure, badRequest } from '../http/failure.js';
import { uuid } from '../http/fields.js';
import type { Authenticator } from './authenticator.js';
import { missing, type Rule } from './role-table.js';

/** Who asks. Every request for something that a tenant owns carries `tenantId` from here, and from nowhere else (Invariant 11). */
export interface Caller {
  readonly tenantId: string;
  /** For the audit trail: 'user:ann', 'key:3f..'. */
  readonly actor: string;
}
declare module 'fastify' {
  interface FastifyRequest {
    /** null on public routes. */
    caller: Caller | null;
  }
}

/** The `Caller` of the request. */
export const Asks = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (caller === null) throw new Error('a public route has no caller');
  return caller;
});

export class Gatekeeper {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly rules: Readonly<Record<string, Rule>>,
  ) {}

  /** Lets the request pass, or throws or rejects with HttpFailure 401, 400, 403 or 503. */
  admit(request: FastifyRequest): void | Promise<void> {
    if (request.is404) return;
    const rule = this.rules[`${request.method} ${request.routeOptions.url}`];
    if (rule === undefined) throw new HttpFailure(403, 'Nobody may use this route');
    if (rule.needs === 'public') return;
    const principal = this.authenticator.authenticate(request.headers);
    if (principal instanceof Promise) return principal.then((late) => enter(request, rule, late));
    enter(request, rule, principal);
  }
}

function enter(request: FastifyRequest, { needs, tenant }: Rule, principal: Principal): void {
  if (tenant) checkTenant(request.headers['x-tenant-id'], principal);
  const lacks = needs === 'public' ? undefined : missing(needs, principal.permissions);
  if (lacks !== undefined) throw new HttpFailure(403, `The permission ${lacks} is required`);
  request.caller = { tenantId: principal.tenantId, actor: principal.subject };
}

function checkTenant(header: string | string[] | undefined, { tenantId }: Principal): void {
  if (header === undefined || header === '') throw badRequest('The X-Tenant-Id header is required');
  if (typeof header !== 'string' || !uuid.test(header)) throw badRequest('The X-Tenant-Id header must be a UUID');
  if (header.toLowerCase() !== tenantId.toLowerCase())
    throw new HttpFailure(403, 'The credential is not for the tenant of the X-Tenant-Id header');
}
