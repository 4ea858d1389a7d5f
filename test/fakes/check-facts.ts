/** Facts for tests of checks: a cluster that is well, with whatever a test changes. */
import type { JsonObject } from '#kernel/json.ts';
import {
  known,
  resourceNames,
  type ClusterFacts,
  type Reading,
} from '../../webhook/checks/facts.ts';
import type { ResourceName } from '../../webhook/checks/facts.ts';
import { runChecks } from '../../webhook/checks/run-checks.ts';
import type { CheckId, Finding } from '../../webhook/checks/check-contract.ts';
import type { CheckResult } from '../../webhook/checks/run-checks.ts';
import { engineFor } from './engine.ts';

export type Objects = Partial<Record<ResourceName, readonly JsonObject[]>>;

const notAsked = { kind: 'not_asked', reason: 'not in this test' } as const;

/** @param objects by resource; what is not given is known to be empty */
export function factsWith(objects: Objects, changes: Partial<ClusterFacts> = {}): ClusterFacts {
  const pairs = resourceNames.map((name): [ResourceName, Reading] => [
    name,
    known((objects[name] ?? []).map((object) => ({ object }))),
  ]);
  return {
    origin: 'cluster',
    engine: engineFor(),
    nowMs: Date.UTC(2026, 0, 1),
    ownNamespace: 'svidecar',
    namespace: 'default',
    // Built from the list of all names.
    objects: Object.fromEntries(pairs) as ClusterFacts['objects'],
    serverVersion: { kind: 'known', value: { major: 1, minor: 36 } },
    served: new Map(),
    configuration: notAsked,
    probe: notAsked,
    workloadApi: notAsked,
    spire: notAsked,
    held: new Map(),
    proxies: new Map(),
    ...changes,
  };
}

export function resultOf(id: CheckId, facts: ClusterFacts): CheckResult {
  const result = runChecks(facts).checks.find((each) => each.id === id);
  if (result === undefined) throw new TypeError(`${id} did not run`);
  return result;
}

export function findingsOf(id: CheckId, facts: ClusterFacts): readonly Finding[] {
  return resultOf(id, facts).findings;
}

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): JsonObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export const enabled = { 'svidecar.dev/injection': 'enabled' };
