/**
 * From a workload to the token in its helper's hand: which link of that chain is the first to be missing, and what to do
 * about it.
 */
import { objectAt, stringAt } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { annotationKey, namespaceLabel } from '../request/metadata-keys.ts';
import { askersIn, assess, namespaceLabels } from './assess.ts';
import { subjectsOf, type ClusterFacts, type HeldToken } from './facts.ts';
import { renewHint } from './pod-groups.ts';
import {
  workloadIdentities,
  type RegisteredEntry,
  type IdentityChain,
} from './workload-identities.ts';

/** In the order of the chain. Stable API: `-o json` has them. */
export type LinkStep =
  'injection' | 'trust_domain' | 'entry' | 'selectors' | 'parent' | 'federation' | 'token';

export type IdentityLink =
  | { readonly kind: 'complete' }
  | {
      readonly kind: 'missing';
      readonly step: LinkStep;
      readonly message: string;
      /** What to do next. */
      readonly hint: string;
    }
  /** Nothing is known to be missing, but not everything could be seen. */
  | { readonly kind: 'unknown'; readonly reason: string };

export type MissingLink = Extract<IdentityLink, { kind: 'missing' }>;
type Look = (identity: IdentityChain, facts: ClusterFacts) => MissingLink | undefined;

/** The first missing link. */
function linkOf(identity: IdentityChain, facts: ClusterFacts): IdentityLink {
  for (const look of Object.values(looks)) {
    const found = look(identity, facts);
    if (found !== undefined) return found;
  }
  const { spire } = facts;
  const silent = silentHelper(identity);
  if ((spire.kind === 'known' && silent === undefined) || isProven(identity))
    return { kind: 'complete' };
  return { kind: 'unknown', reason: spire.kind === 'known' ? (silent ?? '') : spire.reason };
}

/** One that runs, was asked what it has, and did not say so. */
function silentHelper({ pods }: IdentityChain): string | undefined {
  for (const { name, held, assessed } of pods) {
    const { phase } = objectAt(assessed.subject.object, 'status');
    if (phase === 'Running' && held?.kind === 'unknown')
      return `what the helper of pod ${name} has: ${held.reason}`;
  }
  return undefined;
}

/** Whether one link is missing, whatever the others are. */
export function missingAt(
  step: LinkStep,
  identity: IdentityChain,
  facts: ClusterFacts,
): MissingLink | undefined {
  return looks[step](identity, facts);
}

/** Whether the helper of every pod has every token: then SPIRE has registered it, wherever its entry may be. */
function isProven({ pods }: IdentityChain): boolean {
  return (
    pods.length > 0 &&
    pods.every(
      ({ held }) =>
        held?.kind === 'known' && held.value.tokens.some((each) => each.spiffeId !== undefined),
    )
  );
}

function missing(step: LinkStep, message: string, hint: string): MissingLink {
  return { kind: 'missing', step, message, hint };
}

const injection: Look = ({ assessed, where, pods }, facts) => {
  const { decision } = assessed;
  if (decision.kind === 'refused')
    return missing('injection', `is refused: ${decision.why}`, 'correct what the message names');
  if (decision.kind === 'skipped') {
    const words = decision.steps.at(-1)?.message ?? decision.reason;
    return missing('injection', `gets no helper: ${words}`, 'svidecar explain says why');
  }
  if (facts.origin === 'files') return undefined;
  const labels = namespaceLabels(subjectsOf(facts.objects.namespaces));
  const { namespace } = where;
  if (labels.has(namespace) && labels.get(namespace) === undefined)
    return missing(
      'injection',
      `gets no helper: namespace ${namespace} does not carry the label ${namespaceLabel}`,
      `kubectl label namespace ${namespace} ${namespaceLabel}=enabled`,
    );
  const without = pods.filter((pod) => !pod.assessed.isInjected);
  const [first] = without;
  if (first === undefined) return undefined;
  return missing(
    'injection',
    `${without.length} of ${pods.length} pods run without the helper, such as ${first.name}`,
    renewHint(assessed),
  );
};

/**
 * Whether a workload has chosen an identity of another trust domain, and the helper of every pod has it: SPIRE's server there
 * has its entry, and the one that was asked knows nothing of it.
 */
export function isIssuedElsewhere(identity: IdentityChain, facts: ClusterFacts): boolean {
  const { registration, pods } = identity;
  const { spire, engine, nowMs } = facts;
  if (registration === undefined || spire.kind !== 'known') return false;
  const { spiffeId } = registration;
  const own = trustDomainName(spiffeId);
  if (own === spire.value.trustDomain || own === engine.config.trustDomain) return false;
  return (
    pods.length > 0 &&
    pods.every(
      ({ held }) =>
        held?.kind === 'known' &&
        held.value.tokens.some((each) => each.spiffeId === spiffeId && !isOver(each, nowMs)),
    )
  );
}

const trustDomain: Look = (identity, facts) => {
  const { registration, entries } = identity;
  const { spire, engine } = facts;
  if (registration === undefined || spire.kind !== 'known' || entries.length > 0) return undefined;
  if (isIssuedElsewhere(identity, facts)) return undefined;
  const { trustDomain: servers, source } = spire.value;
  const own = trustDomainName(registration.spiffeId);
  if (servers === undefined || own === servers) return undefined;
  const isConfigured = own === engine.config.trustDomain;
  return missing(
    'trust_domain',
    `its SPIFFE ID ${registration.spiffeId} is of trust domain ${own}, and SPIRE (${source}) issues for ${servers}`,
    isConfigured
      ? `set trustDomain: ${servers} in the injector's configuration`
      : `remove ${annotationKey('trust-domain')} and ${annotationKey('spiffe-id')} from the pod template, or register it at a SPIRE server of ${own}`,
  );
};

/** `spiffe://example.org/ns/shop` is of example.org. */
export function trustDomainName(spiffeId: string): string {
  return spiffeId.split('/')[2] ?? '';
}

const entry: Look = (identity, facts) => {
  const { registration, entries, others } = identity;
  if (registration === undefined || facts.spire.kind !== 'known' || entries.length > 0)
    return undefined;
  if (isIssuedElsewhere(identity, facts)) return undefined;
  const { labelFault } = identity;
  const [other] = others;
  const instead =
    other === undefined ? '' : `; entry ${other.id} would give its helper ${other.spiffeId}`;
  return missing(
    'entry',
    `SPIRE has no entry for ${registration.spiffeId}${instead}`,
    labelFault ?? entryHint(identity, facts),
  );
};

function entryHint(identity: IdentityChain, { engine }: ClusterFacts): string {
  const { registration, entries } = engine.config;
  const key = overridesOf(identity)[0];
  if (registration === 'entries') {
    return key === undefined || entries.allowSpiffeIdAnnotation
      ? "look at the workload's events and at the webhook's log: it makes the entry"
      : `${key} is not registered: allow it (entries.allowSpiffeIdAnnotation), remove it, or register the workload by hand (svidecar render entries)`;
  }
  const [selected] = identity.clusterSpiffeIds;
  if (selected !== undefined)
    return `ClusterSPIFFEID ${selected} selects its pods: look at its status, and at the log of spire-controller-manager`;
  return 'svidecar render entries prints what makes it; or let the webhook register workloads (registration: entries)';
}

/** Annotations by which the workload has chosen its SPIFFE ID itself. */
export function overridesOf({ assessed }: IdentityChain): readonly string[] {
  const annotations = objectAt(objectAt(assessed.located.template, 'metadata'), 'annotations');
  return [annotationKey('spiffe-id'), annotationKey('trust-domain')].filter(
    (key) => stringAt(annotations, key) !== undefined,
  );
}

/** Entries whose selectors nothing stands against. */
export function fittingEntries({ entries }: IdentityChain): readonly RegisteredEntry[] {
  return entries.filter(({ fit }) => fit.unmet.length === 0);
}

/** Ids of entries that one container meets at the same time, on the same node; those of an alias are there on every node. */
export function twinsOf({ entries }: IdentityChain): readonly string[] {
  const askers = new Set(entries.flatMap(({ metBy }) => [...metBy]));
  for (const asker of askers) {
    const met = entries.filter(({ metBy }) => metBy.has(asker)).map(({ entry }) => entry);
    const [ofAgents, ofAliases] = [true, false].map((isAgents) =>
      met.filter(({ parentId }) => parentId.includes(agentPath) === isAgents),
    );
    const groups = [...Map.groupBy(met, ({ parentId }) => parentId).values()];
    const twins = groups.find((group) => group.length > 1) ?? [
      ...(ofAliases ?? []).slice(0, 1),
      ...(ofAgents ?? []).slice(0, 1),
    ];
    if (twins.length > 1) return twins.map(({ id }) => id).sort();
  }
  return [];
}

/** In every SPIFFE ID that SPIRE gives an agent. */
const agentPath = '/spire/agent/';

const selectors: Look = (identity) => {
  const [first] = identity.entries;
  if (first === undefined || fittingEntries(identity).length > 0) return undefined;
  const best = identity.entries.reduce((one, other) =>
    other.fit.unmet.length < one.fit.unmet.length ? other : one,
  );
  const more = identity.entries.length - 1;
  const others = more === 0 ? '' : ` (nor can they meet those of ${more} more)`;
  return missing(
    'selectors',
    `entry ${best.entry.id} asks for ${best.fit.unmet.join(', ')}, which its ${helperContainer} containers do not have${others}`,
    'correct the selectors of the entry, or make one that fits: svidecar render entries prints it',
  );
};

/** The node's own ID, or an alias: an entry whose parent is the server and that agents meet. */
const parent: Look = (identity, { spire }) => {
  if (spire.kind !== 'known' || spire.value.agents === undefined) return undefined;
  const { agents, entries } = spire.value;
  const known = new Set([...agents, ...entries.map(({ spiffeId }) => spiffeId)]);
  const fitting = fittingEntries(identity);
  const [first] = fitting;
  if (first === undefined || fitting.some((each) => known.has(each.entry.parentId)))
    return undefined;
  return missing(
    'parent',
    `entry ${first.entry.id} is for agents with ${first.entry.parentId}, and neither an agent nor an alias has that ID`,
    'make the alias (an entry with that SPIFFE ID, "-node", and a selector of the agents), or give the entry the ID of an agent as parent',
  );
};

const federation: Look = (identity, { spire }) => {
  const lacking = lackingDomains(identity);
  const [domain] = lacking;
  if (domain === undefined || spire.kind !== 'known') return undefined;
  const { federated } = spire.value;
  const isUnknown = federated !== undefined && !federated.has(domain);
  return missing(
    'federation',
    isUnknown
      ? `it federates with ${domain}, whose bundle SPIRE does not have`
      : `it federates with ${lacking.join(', ')}, which its entry does not say`,
    isUnknown
      ? `set up the relationship (federation in the injector's configuration, or spire-server federation create); then it is added to the entry`
      : 'add -federatesWith to the entry: svidecar render entries prints it',
  );
};

/** Trust domains that a workload federates with, and that none of its entries names. */
export function lackingDomains(identity: IdentityChain): readonly string[] {
  const fitting = fittingEntries(identity);
  if (fitting.length === 0) return [];
  const named = new Set(fitting.flatMap(({ entry: { federatesWith } }) => federatesWith));
  return (identity.registration?.federatesWith ?? []).filter((each) => !named.has(each));
}

const token: Look = ({ registration, pods }, { nowMs }) => {
  for (const { name, held } of pods) {
    const tokens = held?.kind === 'known' ? held.value.tokens : [];
    for (const each of tokens) {
      const what = `pod ${name}: its helper has`;
      if (each.spiffeId === undefined || isOver(each, nowMs)) return noToken(each, what);
      if (registration !== undefined && each.spiffeId !== registration.spiffeId)
        return missing(
          'token',
          `${what} a token for audience "${each.audience}" as ${each.spiffeId}, not as ${registration.spiffeId}`,
          `name the identity in ${annotationKey('spiffe-id')}, or correct the entries that the helper meets`,
        );
    }
  }
  return undefined;
};

function isOver({ validUntilS = 0 }: HeldToken, nowMs: number): boolean {
  return validUntilS * 1_000 <= nowMs;
}

function noToken({ audience, problem }: HeldToken, what: string): MissingLink {
  const why = problem === undefined ? '' : `: ${problem}`;
  return missing(
    'token',
    `${what} no token for audience "${audience}"${why}`,
    `look at its log (kubectl logs -c ${helperContainer}), and whether the agent on its node is ready`,
  );
}

const looks: Readonly<Record<LinkStep, Look>> = {
  injection,
  trust_domain: trustDomain,
  entry,
  selectors,
  parent,
  federation,
  token,
};

/** A workload, how far its identity has come, and what else is to be said of it. */
export interface JudgedIdentity {
  readonly identity: IdentityChain;
  readonly link: IdentityLink;
  /** Ids of entries that give its helper the same identity twice. */
  readonly twins: readonly string[];
}

/** By namespace, kind and name. @param assessed of {@link askersIn}, where that was done before */
export function judgeIdentities(
  facts: ClusterFacts,
  assessed = assess(facts, askersIn(facts)),
): readonly JudgedIdentity[] {
  const order = ({ where: { namespace, kind, name } }: IdentityChain): string =>
    JSON.stringify([namespace, kind, name]);
  return workloadIdentities(facts, assessed)
    .toSorted((one, other) => (order(one) < order(other) ? -1 : 1))
    .map((identity) => ({ identity, link: linkOf(identity, facts), twins: twinsOf(identity) }));
}
