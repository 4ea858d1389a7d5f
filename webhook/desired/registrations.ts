/** Which entries SPIRE should have for the workloads of a namespace, and what stands in the way of some. */
import { trustDomainText } from '#kernel/spiffe-id.ts';
import { usualAgentId } from '../identity/agent-id.ts';
import { entryName } from '../identity/entry-name.ts';
import type { SpireEntry } from '../identity/spire-entry.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import type { NamespaceStanding } from '../request/namespace-standing.ts';
import type { OwnerReference } from './desired.ts';
import type { IdentityWish, WorkloadIdentity } from './workload-identity.ts';

/** Objects of one namespace that wish the same. */
export interface IdentityGroup {
  readonly namespace: string;
  readonly wish: IdentityWish;
  /** Those that people know; pods that a controller made are not among them. */
  readonly workloads: readonly OwnerReference[];
}

/** What of SPIRE an entry depends on. */
export interface SpireFacts {
  /** The server's own. */
  readonly trustDomain: string;
  /** Those whose bundle it has. */
  readonly federated: ReadonlySet<string>;
  /** SPIFFE IDs of agents that are not banned, sorted. */
  readonly agents: readonly string[];
  /** SPIFFE IDs that may do more than workloads, by entries that are not ours. SPIRE goes by the ID alone, whoever has it. */
  readonly privileged: ReadonlySet<string>;
}

export interface WantedEntry {
  readonly namespace: string;
  readonly entry: SpireEntry;
  readonly workloads: readonly OwnerReference[];
}

/** Stable API: reasons of events. */
export type RegistrationReason =
  'FederationAwaited' | 'RegistrationAwaited' | 'RegistrationForeign' | 'RegistrationRefused';

export interface RegistrationProblem {
  readonly reason: RegistrationReason;
  readonly message: string;
  readonly workloads: readonly OwnerReference[];
}

export interface WantedRegistrations {
  readonly entries: readonly WantedEntry[];
  readonly problems: readonly RegistrationProblem[];
  /** Names of entries that are not made, and not removed where they are: in a namespace where svidecar acts no more, of workloads that still run. */
  readonly kept: ReadonlySet<string>;
  /** False where something is not told clearly: then nothing that is there may go. */
  readonly isClear: boolean;
}

export interface RegistrationFacts {
  readonly namespace: string;
  readonly standing: NamespaceStanding;
  readonly groups: readonly IdentityGroup[];
  readonly config: Pick<InjectorConfig, 'entries' | 'trustDomain'>;
  readonly spire: SpireFacts;
  /** Entries that one namespace may have. */
  readonly maxEntries: number;
}

/** A function of what is stored, of the configuration and of what SPIRE knows. */
export function wantedRegistrations(facts: RegistrationFacts): WantedRegistrations {
  const identities = facts.groups.flatMap(({ wish, workloads }) =>
    wish.kind === 'identity'
      ? [wish.identity, ...(wish.envoy === undefined ? [] : [wish.envoy])].map((identity) => ({
          identity,
          workloads,
        }))
      : [],
  );
  const problems = refusedWishes(facts.groups);
  const isClear = facts.groups.every(({ wish }) => wish.kind !== 'unclear');
  const wished = entriesFor(identities, facts);
  // Elsewhere nothing new is made, and nothing is taken from what runs.
  if (facts.standing !== 'acts') {
    const kept = new Set(wished.entries.map(({ entry }) => entry.id));
    return { entries: [], problems: [], kept, isClear };
  }
  const { within, problem } = limited(wished.entries, facts);
  return {
    entries: within,
    problems: [...problems, ...wished.problems, ...problem],
    kept: new Set(),
    isClear,
  };
}

/** What can be told without a word from SPIRE: who wants an entry, and what stands in the way of others. */
export function openRegistrations({
  standing,
  groups,
}: Pick<RegistrationFacts, 'standing' | 'groups'>): {
  readonly workloads: readonly OwnerReference[];
  readonly problems: readonly RegistrationProblem[];
} {
  if (standing !== 'acts') return { workloads: [], problems: [] };
  const wishing = groups.filter(({ wish }) => wish.kind === 'identity');
  return {
    workloads: wishing.flatMap(({ workloads }) => workloads),
    problems: refusedWishes(groups),
  };
}

function refusedWishes(groups: readonly IdentityGroup[]): readonly RegistrationProblem[] {
  return groups.flatMap(({ wish, workloads }): readonly RegistrationProblem[] =>
    wish.kind === 'refused'
      ? [{ reason: 'RegistrationRefused', message: wish.why, workloads }]
      : [],
  );
}

function entriesFor(
  identities: readonly Wished[],
  facts: RegistrationFacts,
): Pick<WantedRegistrations, 'entries' | 'problems'> {
  const problems: RegistrationProblem[] = [];
  const entries: WantedEntry[] = [];
  const parents = parentsOf(facts);
  if (identities.length > 0 && parents.length === 0) problems.push(noAgents(identities));
  for (const wished of joined(identities)) {
    const problem = foreignDomain(wished, facts) ?? privilegedId(wished, facts);
    if (problem !== undefined) {
      problems.push(problem);
      continue;
    }
    const awaited = wished.identity.federatesWith.filter((name) => isAwaited(name, facts));
    if (awaited.length > 0) problems.push(federationAwaited(awaited, wished));
    const { workloads } = wished;
    for (const parentId of parents) {
      const entry = entryOf(wished.identity, parentId, facts);
      entries.push({ namespace: facts.namespace, entry, workloads });
    }
  }
  return { entries, problems };
}

interface Wished {
  readonly identity: WorkloadIdentity;
  readonly workloads: readonly OwnerReference[];
}

/**
 * SPIRE cannot tell apart who has the same SPIFFE ID and selectors: such workloads federate with what any of them names. Pods
 * of an earlier template do not count where a workload does.
 */
function joined(wishes: readonly Wished[]): readonly Wished[] {
  const byIdentity = new Map<string, Wished[]>();
  for (const wished of wishes) {
    const { spiffeId, selectors } = wished.identity;
    const key = JSON.stringify([spiffeId, selectors]);
    const same = byIdentity.get(key);
    if (same === undefined) byIdentity.set(key, [wished]);
    else same.push(wished);
  }
  return [...byIdentity.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined || same.length === 1) return same;
    const known = same.filter(({ workloads }) => workloads.length > 0);
    const counted = known.length > 0 ? known : same;
    const names = counted.flatMap(({ identity }) => identity.federatesWith);
    return {
      identity: { ...first.identity, federatesWith: [...new Set(names)].sort() },
      workloads: counted.flatMap(({ workloads }) => workloads),
    };
  });
}

function parentsOf({ config, spire }: RegistrationFacts): readonly string[] {
  const { parent, parentId } = config.entries;
  if (parent === 'agents') return spire.agents;
  return [parentId ?? usualAgentId(spire.trustDomain)];
}

function entryOf(
  { spiffeId, selectors, federatesWith, wantsCertificate = false }: WorkloadIdentity,
  parentId: string,
  { namespace, config, spire }: RegistrationFacts,
): SpireEntry {
  const { cluster, hint, x509SvidTtlSeconds, jwtSvidTtlSeconds } = config.entries;
  return {
    id: entryName(cluster, namespace, { spiffeId, parentId, selectors }),
    spiffeId,
    parentId,
    selectors,
    federatesWith: federatesWith.filter((name) => spire.federated.has(name)),
    dnsNames: [],
    hint,
    x509SvidTtlS: x509SvidTtlSeconds,
    jwtSvidTtlS: jwtSvidTtlSeconds,
    isAdmin: false,
    isDownstream: false,
    storesSvid: false,
    isPrefetched: wantsCertificate,
  };
}

function foreignDomain(
  { identity: { spiffeId }, workloads }: Wished,
  { spire }: RegistrationFacts,
): RegistrationProblem | undefined {
  if (trustDomainText(spiffeId) === spire.trustDomain) return undefined;
  const message =
    `it would be ${spiffeId}, and SPIRE's server gives identities of the trust domain ${spire.trustDomain} only, so nothing is registered for it: ` +
    `set trustDomain: ${spire.trustDomain} in the configuration, or remove svidecar.dev/trust-domain and svidecar.dev/spiffe-id`;
  return { reason: 'RegistrationRefused', message, workloads };
}

function privilegedId(
  { identity: { spiffeId }, workloads }: Wished,
  { spire }: RegistrationFacts,
): RegistrationProblem | undefined {
  if (!spire.privileged.has(spiffeId)) return undefined;
  const message =
    `it would be ${spiffeId}, and another entry makes that SPIFFE ID an administrator or a downstream server of SPIRE, so nothing is registered for it: ` +
    'give it another ServiceAccount, or remove svidecar.dev/spiffe-id';
  return { reason: 'RegistrationRefused', message, workloads };
}

/** A server's own bundle needs no federation. */
function isAwaited(name: string, { spire }: RegistrationFacts): boolean {
  return !spire.federated.has(name) && name !== spire.trustDomain;
}

function federationAwaited(names: readonly string[], { workloads }: Wished): RegistrationProblem {
  const message =
    `SPIRE has no bundle of ${names.join(', ')} yet, so the registration leaves ${names.length === 1 ? 'it' : 'them'} out until it comes: ` +
    'have the trust domain federated (federation in the configuration, or spire-server bundle set), or correct the annotation';
  return { reason: 'FederationAwaited', message, workloads };
}

function noAgents(wishes: readonly Wished[]): RegistrationProblem {
  const message =
    'SPIRE knows no agent under which it could be registered (entries.parent: agents): start SPIRE agents, or set entries.parent: alias';
  return {
    reason: 'RegistrationAwaited',
    message,
    workloads: wishes.flatMap(({ workloads }) => workloads),
  };
}

/** The same ones whoever asks. */
function limited(
  wanted: readonly WantedEntry[],
  { maxEntries, namespace }: RegistrationFacts,
): { readonly within: readonly WantedEntry[]; readonly problem: readonly RegistrationProblem[] } {
  if (wanted.length <= maxEntries) return { within: wanted, problem: [] };
  const sorted = wanted.toSorted((a, b) => (a.entry.id < b.entry.id ? -1 : 1));
  const workloads = sorted.slice(maxEntries).flatMap((each) => each.workloads);
  const message = `namespace ${namespace} asks for ${wanted.length} registrations, and gets ${maxEntries}: let workloads share a ServiceAccount, or divide them among namespaces`;
  const problem: RegistrationProblem = { reason: 'RegistrationRefused', message, workloads };
  return { within: sorted.slice(0, maxEntries), problem: [problem] };
}
