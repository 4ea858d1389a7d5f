/** A registration in SPIRE, as the command that makes it and as the object of which spire-controller-manager makes it. */
import type { JsonObject } from '#kernel/json.ts';

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

export interface Registration extends RegistrationTerms {
  readonly spiffeId: string;
  readonly parentId: string;
  readonly namespace: string;
  /** The workload's own name. */
  readonly workload: string;
  readonly container: string;
  /** `k8s:…`, all of them. */
  readonly selectors: readonly string[];
  /** Of the pods. */
  readonly labels: Readonly<Record<string, string>>;
  /** Names of trust domains, sorted. */
  readonly federatesWith: readonly string[];
  /** In its X.509-SVIDs; the first is the common name too. */
  readonly dnsNames: readonly string[];
}

/** @see spire-server entry create, k8s workload attestor selectors */
export function commandFor(registration: Registration): string {
  const { spiffeId, parentId, selectors, federatesWith, dnsNames } = registration;
  const words = [
    ['-spiffeID', spiffeId],
    ['-parentID', parentId],
    ...selectors.map((each) => ['-selector', each]),
    ...dnsNames.map((each) => ['-dns', each]),
    ...federatesWith.map((each) => ['-federatesWith', `spiffe://${each}`]),
    ...termFlags(registration),
  ];
  const lines = words.map(([flag = '', ...value]) => `  ${[flag, ...value.map(quoted)].join(' ')}`);
  return `spire-server entry create \\\n${lines.join(' \\\n')}\n`;
}

function termFlags(terms: RegistrationTerms): readonly (readonly string[])[] {
  const { hint, x509SvidTtlS, jwtSvidTtlS, isPrefetched } = terms;
  return [
    ...(x509SvidTtlS === 0 ? [] : [['-x509SVIDTTL', `${x509SvidTtlS}`]]),
    ...(jwtSvidTtlS === 0 ? [] : [['-jwtSVIDTTL', `${jwtSvidTtlS}`]]),
    ...(hint === '' ? [] : [['-hint', hint]]),
    ...(isPrefetched ? [] : [['-disableX509SVIDPrefetch']]),
  ];
}

/** Its selectors differ from those that a ClusterSPIFFEID for all pods gives, so that neither masks the other. */
export function objectFor(registration: Registration): JsonObject {
  const { spiffeId, namespace, workload, container, selectors, labels } = registration;
  return {
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterSPIFFEID',
    metadata: { name: `${namespace}.${workload}.${container}` },
    spec: {
      spiffeIDTemplate: spiffeId,
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      podSelector: { matchLabels: labels },
      workloadSelectorTemplates: [...selectors],
      ...termFields(registration),
    },
  };
}

/** That controller knows no word for a registration without an X.509-SVID ahead of time. */
function termFields(registration: Registration): JsonObject {
  const { federatesWith, dnsNames, hint, x509SvidTtlS, jwtSvidTtlS } = registration;
  return {
    ...(dnsNames.length === 0 ? {} : { dnsNameTemplates: [...dnsNames] }),
    ...(federatesWith.length === 0 ? {} : { federatesWith: [...federatesWith] }),
    ...(x509SvidTtlS === 0 ? {} : { ttl: `${x509SvidTtlS}s` }),
    ...(jwtSvidTtlS === 0 ? {} : { jwtTtl: `${jwtSvidTtlS}s` }),
    ...(hint === '' ? {} : { hint }),
  };
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
