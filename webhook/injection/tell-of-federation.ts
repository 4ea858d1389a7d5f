/** What a person should hear of the trust domains that a workload federates with, and of those whose callers it lets in. */
import { trustDomainNamed } from '#kernel/spiffe-id.ts';
import { shortList } from '../envoy/short-list.ts';
import { registrarsKey, type Federation } from '../request/federation.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import type { Composition } from './compose.ts';
import type { Trace } from './trace.ts';

const ours = annotationKey('federates-with');
const callersKey = annotationKey('allow-callers');
/** Characters of an item in a message. */
const shownChars = 100;

/** Whose identities a workload verifies. */
export interface Verified {
  /** SPIFFE IDs, prefixes, trust domains; empty where nobody is let in by identity. */
  readonly callers: readonly string[];
  /** SPIFFE IDs of those whom it calls. */
  readonly upstreams: readonly string[];
}

/** Those of the helper's rules, and of the Envoy that a template brings. */
export function verifiedBy({
  callers,
  ownEnvoy,
}: Pick<Composition, 'callers' | 'ownEnvoy'>): Verified {
  const proxy = ownEnvoy?.plan.proxy;
  if (proxy === undefined) return { callers, upstreams: [] };
  return {
    callers: proxy.inbound.length === 0 ? callers : [...callers, ...proxy.callers],
    upstreams: proxy.upstreams.map(({ spiffeId }) => spiffeId),
  };
}

/** Nothing is refused: what is left out, or not let in, closes a door and opens none. */
export function tellOfFederation(
  { trustDomains, ownNamed, unreadable }: Federation,
  { callers, upstreams, spiffeId }: Verified & { readonly spiffeId: string },
  trace: Trace,
): void {
  const fault = unreadableFault(unreadable);
  if (fault !== undefined) trace.warn('federates_with_unreadable', fault, registrarsKey);
  if (ownNamed !== undefined)
    trace.say(
      'federates_with_itself',
      `${ownNamed} is the workload's own trust domain, so it is left out of those that it federates with`,
    );
  if (callers.length === 0 && upstreams.length === 0) return;
  const own = domainOf(spiffeId);
  const others = (ids: readonly string[]): readonly string[] =>
    [...new Set(ids.map(domainOf))].filter((name) => name !== own);
  const sides = { calling: others(callers), called: others(upstreams), trustDomains };
  tellOfCallers(sides, trace);
  tellOfUpstreams(sides, trace);
  tellOfUnused(sides, trace);
}

/** Undefined where all items can be read. */
export function unreadableFault(unreadable: Federation['unreadable']): string | undefined {
  if (unreadable.length === 0) return undefined;
  const items = shortList(unreadable.map((item) => `"${item.slice(0, shownChars)}"`));
  return `annotation ${registrarsKey}: ${items} is no name of a trust domain and is left out; write names such as partner.example, separated by commas`;
}

interface Sides {
  /** Other trust domains whose callers are let in. */
  readonly calling: readonly string[];
  /** Other trust domains of workloads that are called by mTLS. */
  readonly called: readonly string[];
  readonly trustDomains: readonly string[];
}

function tellOfCallers({ calling, trustDomains }: Sides, trace: Trace): void {
  const without = calling.filter((name) => !trustDomains.includes(name));
  if (without.length > 0)
    trace.warn(
      'callers_not_federated',
      `${callersKey} lets callers of ${shortList(without)} in, but no annotation says that this workload federates there: all their requests are refused, unless its entry in SPIRE says so by other means; add ${ours}: ${shortList(without)}`,
      ours,
    );
}

function tellOfUpstreams({ called, trustDomains }: Sides, trace: Trace): void {
  const without = called.filter((name) => !trustDomains.includes(name));
  if (without.length > 0)
    trace.warn(
      'upstreams_not_federated',
      `${annotationKey('upstreams')} names workloads of ${shortList(without)}, but no annotation says that this workload federates there: nothing that it sends them leaves Envoy, unless its entry in SPIRE says so by other means; add ${ours}: ${shortList(without)}`,
      ours,
    );
}

function tellOfUnused({ calling, called, trustDomains }: Sides, trace: Trace): void {
  const unused = trustDomains.filter((name) => ![...calling, ...called].includes(name));
  if (unused.length > 0)
    trace.say(
      'federation_unused',
      `it federates with ${shortList(unused)}, but ${callersKey} names no caller there, so none is let in`,
    );
}

/** Of a SPIFFE ID, or a prefix of some. */
function domainOf(caller: string): string {
  return trustDomainNamed(caller).split('/', 1)[0] ?? '';
}
