/** Gathers the facts for the checks from manifests. */
import { own } from '#kernel/members.ts';
import type { AppError } from '#kernel/errors.ts';
import { stringAt, type JsonObject } from '#kernel/json.ts';
import {
  known,
  resourceNames,
  type FactAnswer,
  type ClusterFacts,
  type Reading,
  type ResourceName,
  type Subject,
} from '../checks/facts.ts';
import { isPod, kindNamed } from '../objects/kinds.ts';
import type { Finding } from '../checks/check-contract.ts';
import type { Report } from '../checks/run-checks.ts';
import { lineOfKey } from './decide-all.ts';
import type { ManifestDocument } from './manifest.ts';

/** Resources by kind, except workloads and pods. */
const resourcesByKind: Readonly<Record<string, readonly ResourceName[]>> = {
  ClusterSPIFFEID: ['clusterSpiffeIds'],
  ConfigMap: ['configMaps'],
  CSIDriver: ['csiDrivers'],
  EnvoyFilter: ['envoyFilters'],
  HorizontalPodAutoscaler: ['autoscalers'],
  LimitRange: ['limitRanges'],
  MutatingWebhookConfiguration: ['hooks'],
  Namespace: ['namespaces'],
  ResourceQuota: ['quotas'],
  Service: ['services', 'podServices'],
  ValidatingAdmissionPolicy: ['policies'],
  ValidatingAdmissionPolicyBinding: ['policyBindings'],
};

const notAsked: FactAnswer<never> = { kind: 'not_asked', reason: 'manifests do not tell' };

export interface FileFacts {
  readonly facts: ClusterFacts;
  /** What could not be read. */
  readonly faults: readonly AppError[];
}

/** What manifests are held against. */
type FileQuestion = Pick<ClusterFacts, 'engine' | 'namespace' | 'nowMs' | 'spire'>;

export function factsOfFiles(
  documents: readonly ManifestDocument[],
  given: FileQuestion,
): FileFacts {
  const byName = new Map<ResourceName, Subject[]>();
  for (const { source, objects } of documents) {
    for (const { value, line } of objects) {
      const subject = { object: value, file: source.name, line };
      for (const name of resourcesOf(value)) {
        const there = byName.get(name) ?? [];
        there.push(subject);
        byName.set(name, there);
      }
    }
  }
  const { engine, namespace, nowMs, spire } = given;
  return {
    facts: {
      origin: 'files',
      engine,
      namespace,
      nowMs,
      ownNamespace: 'svidecar',
      objects: readings((name) => known(byName.get(name) ?? [])),
      serverVersion: notAsked,
      probe: notAsked,
      workloadApi: notAsked,
      served: new Map(),
      configuration: notAsked,
      spire,
      held: new Map(),
      proxies: new Map(),
    },
    faults: documents.flatMap(({ fault }) => (fault === undefined ? [] : [fault])),
  };
}

function resourcesOf(object: JsonObject): readonly ResourceName[] {
  const kind = stringAt(object, 'kind') ?? '';
  const workloadKind = kindNamed(kind);
  if (workloadKind !== undefined) return isPod(workloadKind) ? ['pods'] : ['workloads'];
  return own(resourcesByKind, kind) ?? [];
}

/** A reading for each resource. */
function readings(read: (name: ResourceName) => Reading): ClusterFacts['objects'] {
  const pairs = resourceNames.map((name) => [name, read(name)] as const);
  // Built from the list of all names, so that every member is there.
  return Object.fromEntries(pairs) as Record<ResourceName, Reading>;
}

/** The report with the lines of the annotations that findings name, where these are in a file. */
export function withExactLines(report: Report, documents: readonly ManifestDocument[]): Report {
  const exact = (finding: Finding): Finding => {
    const { where, key } = finding;
    const line = where === undefined ? undefined : exactLine(where, key, documents);
    if (where === undefined || line === undefined) return finding;
    return { ...finding, where: { ...where, line } };
  };
  const checks = report.checks.map((result) => {
    return { ...result, findings: result.findings.map(exact) };
  });
  return { ...report, checks };
}

function exactLine(
  { file, line }: { readonly file?: string; readonly line?: number },
  key: string | undefined,
  documents: readonly ManifestDocument[],
): number | undefined {
  for (const document of documents) {
    if (document.source.name !== file) continue;
    const object = document.objects.find((each) => each.line === line);
    if (object !== undefined) return lineOfKey(key, document, object);
  }
  return undefined;
}
