/** A registration that is made by hand, or by spire-controller-manager. */
import { trustDomainText } from '#kernel/spiffe-id.ts';
import { entryIdentity } from './entry-name.ts';

/** What of a registration a workload does not say itself. */
export interface RegistrationTerms {
  /** Tells one identity of a workload from another; '' = none. */
  readonly hint: string;
  /** Life of its X.509-SVIDs in seconds; 0 = what the server gives by default. */
  readonly x509SvidTtlS: number;
  /** Life of its JWT-SVIDs in seconds; 0 = what the server gives by default. */
  readonly jwtSvidTtlS: number;
  /** Whether agents ask for its X.509-SVID before the workload does. A helper needs none. */
  readonly isPrefetched: boolean;
}

/** What SPIRE is told. */
export interface EntryContent extends RegistrationTerms {
  readonly spiffeId: string;
  readonly parentId: string;
  /** `k8s:…`, all of them. */
  readonly selectors: readonly string[];
  /** Names of trust domains, sorted. */
  readonly federatesWith: readonly string[];
  /** In its X.509-SVIDs; the first is the common name too. */
  readonly dnsNames: readonly string[];
}

export interface Registration extends EntryContent {
  readonly namespace: string;
  /** The workload's own name. */
  readonly workload: string;
  readonly container: string;
  /** Of the pods. */
  readonly labels: Readonly<Record<string, string>>;
}

export const plainTerms: RegistrationTerms = {
  hint: '',
  x509SvidTtlS: 0,
  jwtSvidTtlS: 0,
  isPrefetched: true,
};

/**
 * The entry by which agents are known under one more SPIFFE ID, the parent of all others.
 * @param selectors of agents, such as `k8s_psat:cluster:demo`
 */
export function nodeAlias(parentId: string, selectors: readonly string[]): EntryContent {
  return {
    ...plainTerms,
    spiffeId: parentId,
    parentId: `spiffe://${trustDomainText(parentId)}/spire/server`,
    selectors,
    federatesWith: [],
    dnsNames: [],
  };
}

/** The same for two entries of which SPIRE keeps only one. */
function similarity({ spiffeId, parentId, selectors }: EntryContent): string {
  return entryIdentity({ spiffeId, parentId, selectors: [...new Set(selectors)] });
}

/** Of registrations between which SPIRE sees no difference one, with what any of them asks for. */
export function mergeSimilar(registrations: readonly Registration[]): readonly Registration[] {
  const merged = new Map<string, Registration>();
  for (const each of registrations) {
    const key = similarity(each);
    const before = merged.get(key);
    merged.set(key, before === undefined ? each : together(before, each));
  }
  return [...merged.values()];
}

function together(first: Registration, second: Registration): Registration {
  return {
    ...first,
    federatesWith: [...new Set([...first.federatesWith, ...second.federatesWith])].sort(),
    dnsNames: [...new Set([...first.dnsNames, ...second.dnsNames])],
  };
}
