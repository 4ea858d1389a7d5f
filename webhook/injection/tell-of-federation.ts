/** What a person should hear of the trust domains that a workload federates with, and of those whose callers it lets in. */
import { stringAt } from '#kernel/json.ts';
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

/** Nothing is refused: what is left out, or not let in, closes a door and opens none. */
export function tellOfFederation(
  { trustDomains, ownNamed, unreadable }: Federation,
  { callers, variables }: Pick<Composition, 'callers' | 'variables'>,
  trace: Trace,
): void {
  const fault = unreadableFault(unreadable);
  if (fault !== undefined) trace.warn('federates_with_unreadable', fault, registrarsKey);
  if (ownNamed !== undefined)
    trace.say(
      'federates_with_itself',
      `${ownNamed} is the workload's own trust domain, so it is left out of those that it federates with`,
    );
  if (callers.length === 0) return;
  const own = domainOf(stringAt(variables, 'spiffeId') ?? '');
  const calling = [...new Set(callers.map(domainOf))];
  tellOfCallers({ calling: calling.filter((name) => name !== own), trustDomains }, trace);
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
  const unused = trustDomains.filter((name) => !calling.includes(name));
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
