/** A registration in SPIRE, as the command that makes it and as the object of which spire-controller-manager makes it. */
import type { JsonObject } from '#kernel/json.ts';

export interface Registration {
  readonly spiffeId: string;
  readonly parentId: string;
  readonly namespace: string;
  /** The workload's own name. */
  readonly workload: string;
  readonly container: string;
  /** `k8s:…`, without the container's. */
  readonly selectors: readonly string[];
  /** Of the pods. */
  readonly labels: Readonly<Record<string, string>>;
  /** Names of trust domains. */
  readonly federatesWith: readonly string[];
}

/** @see spire-server entry create, k8s workload attestor selectors */
export function commandFor(registration: Registration): string {
  const { spiffeId, parentId, federatesWith } = registration;
  const words = [
    ['-spiffeID', spiffeId],
    ['-parentID', parentId],
    ...selectorsOf(registration).map((each) => ['-selector', each]),
    ...federatesWith.map((each) => ['-federatesWith', `spiffe://${each}`]),
  ];
  const lines = words.map(([flag = '', value = '']) => `  ${flag} ${quoted(value)}`);
  return `spire-server entry create \\\n${lines.join(' \\\n')}\n`;
}

/** Its selectors differ from those that a ClusterSPIFFEID for all pods gives, so that neither masks the other. */
export function objectFor(registration: Registration): JsonObject {
  const { spiffeId, namespace, workload, container, labels, federatesWith } = registration;
  return {
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterSPIFFEID',
    metadata: { name: `${namespace}.${workload}.${container}` },
    spec: {
      spiffeIDTemplate: spiffeId,
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      podSelector: { matchLabels: labels },
      workloadSelectorTemplates: selectorsOf(registration),
      ...(federatesWith.length === 0 ? {} : { federatesWith }),
    },
  };
}

function selectorsOf({ selectors, container }: Registration): readonly string[] {
  return [...selectors, `k8s:container-name:${container}`];
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
