/** What an operator allows and denies, and the verdict on one address. */
import { type Address, type Range, formsOf, inRange, parseAddress } from './address.js';
import { loopback, neverTargets } from './ranges.js';
import { type Rule, parseRules } from './rule.js';

/** Lists of entries as `rule.ts` describes them. */
export interface OutboundSettings {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Servers of the platform itself, each with its port; opened only by an entry of `allow` that names the port too. */
  readonly own: readonly string[];
}
export interface Policy<Where = Rule['where']> {
  readonly allow: readonly PolicyRule<Where>[];
  readonly deny: readonly PolicyRule<Where>[];
  readonly own: readonly PolicyRule<Where>[];
}
type PolicyRule<Where> = Pick<Rule, 'port'> & { readonly where: Where };
type Ranges = { readonly ranges: readonly Range[] };

/** Throws an error that names the setting and the entry. */
export const parsePolicy = ({ allow, deny, own }: OutboundSettings): Policy => ({
  allow: parseRules('SLUICE_OUTBOUND_ALLOW', allow),
  deny: parseRules('SLUICE_OUTBOUND_DENY', deny),
  own: parseRules('SLUICE_OWN_SERVERS', own),
});

/** The rules that speak of this port, with names replaced by the addresses they stand for now. */
export async function resolvePolicy(
  policy: Policy,
  port: number,
  resolve: (name: string) => Promise<readonly string[]>,
): Promise<Policy<Ranges>> {
  const list = (rules: readonly Rule[]): Promise<PolicyRule<Ranges>[]> =>
    Promise.all(
      rules
        .filter((rule) => rule.port === undefined || rule.port === port)
        .map(async ({ where, ...rest }) => ({
          ...rest,
          where: 'ranges' in where ? where : { ranges: (await resolve(where.name)).flatMap(single) },
        })),
    );
  const [allow, deny, own] = await Promise.all([list(policy.allow), list(policy.deny), list(policy.own)]);
  return { allow, deny, own };
}
function single(text: string): readonly Range[] {
  const address = parseAddress(text);
  return address === undefined ? [] : [{ ...address, prefix: address.bits }];
}

/** Why this address is refused; undefined when it is not. `here`: the addresses of this machine. */
export function refusal(
  { allow, deny, own }: Policy<Ranges>,
  text: string,
  here: readonly string[],
): { readonly what: string; readonly fix: string } | undefined {
  const address = parseAddress(text);
  if (address === undefined) return { what: 'not an address', fix: 'Give the address or the name of the database.' };
  const forms = formsOf(address);
  const never = neverTargets.find(({ ranges }) => inAny(forms, ranges));
  if (never !== undefined) return { what: never.what, fix: 'Give the address or the name of the database.' };
  const matches = ({ where }: { where: Ranges }): boolean => inAny(forms, where.ranges);
  if (own.some((rule) => isOwn(forms, rule.where.ranges, here))) {
    if (allow.some((rule) => rule.port !== undefined && matches(rule))) return undefined;
    return { what: 'a server of the platform itself', fix: allowWith('the address and the port') };
  }
  if (allow.some(matches) || !deny.some(matches)) return undefined;
  return { what: 'in a network that the operator denies', fix: allowWith('the address') };
}
const allowWith = (what: string): string => `The operator can open it: SLUICE_OUTBOUND_ALLOW with ${what}.`;

const inAny = (forms: readonly Address[], ranges: readonly Range[]): boolean =>
  forms.some((form) => ranges.some((range) => inRange(form, range)));

/** A server on this machine may listen on any of its addresses, whichever one the operator gave. */
function isOwn(forms: readonly Address[], ranges: readonly Range[], here: readonly string[]): boolean {
  const local = [...loopback, ...here.flatMap(single)];
  const isHere = ranges.some((range) => local.some((mine) => inRange(range, mine)));
  return inAny(forms, ranges) || (isHere && inAny(forms, local));
}
