/** What the console follows of a cluster, and what it keeps of each object. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { controllerOf } from '../checks/pod-controller.ts';
import { nameOf } from '../checks/facts.ts';
import { isOwnConfiguration } from '../checks/inspected-hooks.ts';
import type { BoardWorkload, SeenNamespace, SeenPod } from '../console/board-entries.ts';
import { seenOf } from '../console/judge-workload.ts';
import { isReadyPod } from '../console/workload-story.ts';
import type { Availability, FollowedResource } from '../kube/followed-resource.ts';
import { pathOf } from '../kube/read-list.ts';
import {
  apiVersionOf,
  isMadeByControllers,
  workloadKinds,
  type WorkloadKind,
} from '../objects/kinds.ts';
import { unfinishedIn } from '../objects/rollout.ts';
import { locate, type Located } from '../request/locate.ts';
import { namespaceLabel } from '../request/metadata-keys.ts';
import { revisionIn } from '../request/revision.ts';

/** A workload as it came: its text is there until it has been judged. */
export interface ListedWorkload {
  readonly entry: BoardWorkload;
  /** JSON; undefined for one that asks for nothing. */
  readonly text: string | undefined;
}

/** Where what is followed goes. */
export interface FollowSinks {
  readonly namespaces: {
    readonly replace: (all: readonly SeenNamespace[]) => void;
    readonly put: (one: SeenNamespace) => void;
    readonly drop: (name: string) => void;
  };
  readonly workloads: {
    readonly replace: (kind: string, all: readonly ListedWorkload[]) => void;
    readonly put: (one: ListedWorkload) => void;
    readonly drop: (kind: string, namespace: string, name: string) => void;
  };
  readonly pods: {
    readonly replace: (all: readonly SeenPod[]) => void;
    readonly put: (one: SeenPod) => void;
    readonly drop: (namespace: string, name: string) => void;
  };
  readonly configMaps: {
    readonly isWanted: (namespace: string, name: string) => boolean;
    readonly replace: (all: readonly JsonObject[]) => void;
    readonly put: (one: JsonObject) => void;
    readonly drop: (namespace: string, name: string) => void;
  };
  /** Configurations with our hooks have changed, or came for the first time: the names of all that there are. */
  readonly hooks: (names: ReadonlySet<string>) => void;
  readonly available: (name: string, now: Availability) => void;
}

/** Finished pods do not matter any more; one that finishes is told as deleted. */
const unfinished = 'fieldSelector=status.phase!%3DSucceeded%2Cstatus.phase!%3DFailed';

export function followedNamespaces(
  sinks: FollowSinks,
  namespace: string | undefined,
): FollowedResource<SeenNamespace> {
  const { replace, put, drop } = sinks.namespaces;
  return {
    ...named('namespaces', sinks),
    path: pathOf({ apiVersion: 'v1', resource: 'namespaces' }),
    ...(namespace === undefined
      ? {}
      : { selector: `fieldSelector=metadata.name%3D${encodeURIComponent(namespace)}` }),
    slim: slimNamespace,
    replace,
    put,
    drop: (_namespace, name) => {
      drop(name);
    },
  };
}

function slimNamespace(object: JsonObject): SeenNamespace {
  const metadata = objectAt(object, 'metadata');
  const label = stringAt(objectAt(metadata, 'labels'), namespaceLabel);
  const revision = revisionIn(metadata);
  return {
    name: stringAt(metadata, 'name') ?? '',
    ...(label === 'enabled' || label === 'pod' ? { label } : { label: 'none', labelValue: label }),
    ...(revision === undefined ? {} : { revision }),
    isEnding: stringAt(metadata, 'deletionTimestamp') !== undefined,
  };
}

/** ReplicaSets are left out: old revisions make them many, and they are known by their pods. */
export function followedWorkloads(
  sinks: FollowSinks,
  namespace: string | undefined,
): readonly FollowedResource<ListedWorkload>[] {
  const { replace, put, drop } = sinks.workloads;
  return workloadKinds
    .filter((type) => !isMadeByControllers(type))
    .map((type) => ({
      ...named(type.resource, sinks),
      path: pathOf({ apiVersion: apiVersionOf(type), resource: type.resource }, namespace),
      slim: (object: JsonObject) => slimWorkload(object, type),
      replace: (all: readonly ListedWorkload[]) => {
        replace(type.kind, all);
      },
      put,
      drop: (within: string, name: string) => {
        drop(type.kind, within, name);
      },
    }));
}

/** Undefined for one that is over. */
function slimWorkload(listed: JsonObject, type: WorkloadKind): ListedWorkload | undefined {
  // The items of a list do not name their kind.
  const { managedFields, ...metadata } = objectAt(listed, 'metadata');
  const object = { ...listed, apiVersion: apiVersionOf(type), kind: type.kind, metadata };
  const seen = seenOf(object);
  if (seen === undefined || isOver(object)) return undefined;
  const isOurs = seen.asks || seen.isInjected;
  return {
    entry: {
      namespace: stringAt(metadata, 'namespace') ?? '',
      kind: type.kind,
      name: stringAt(metadata, 'name') ?? '',
      version: stringAt(metadata, 'resourceVersion') ?? '',
      seen,
      unfinished: isOurs ? unfinishedIn(object) : undefined,
      madeBy: makerOf(metadata),
    },
    text: isOurs ? JSON.stringify(object) : undefined,
  };
}

/** A finished Job makes no more pods. @see batch/v1 JobStatus */
function isOver(object: JsonObject): boolean {
  if (object['kind'] !== 'Job') return false;
  const ends = ['Complete', 'Failed'];
  return listAt(objectAt(object, 'status'), 'conditions').some(
    (each) =>
      isObject(each) && each['status'] === 'True' && ends.includes(stringAt(each, 'type') ?? ''),
  );
}

function makerOf(metadata: JsonObject): BoardWorkload['madeBy'] {
  const owner = controllerIn(metadata);
  const kind = stringAt(owner, 'kind');
  const name = stringAt(owner, 'name');
  // Whoever makes Deployments is a person's other tool: the Deployment is what is looked at.
  return kind === 'CronJob' && name !== undefined ? { kind, name } : undefined;
}

export function followedPods(
  sinks: FollowSinks,
  namespace: string | undefined,
): FollowedResource<SeenPod> {
  const { replace, put, drop } = sinks.pods;
  return {
    ...named('pods', sinks),
    path: pathOf({ apiVersion: 'v1', resource: 'pods' }, namespace),
    selector: unfinished,
    slim: slimPod,
    replace,
    put,
    drop,
  };
}

/** Undefined for one without our keys, and for one that is going. */
function slimPod(listed: JsonObject): SeenPod | undefined {
  const object = { ...listed, apiVersion: 'v1', kind: 'Pod' };
  const seen = seenOf(object);
  const located = locate(object, '');
  if (located === undefined || seen === undefined || !(seen.asks || seen.isInjected))
    return undefined;
  const { metadata, namespace } = located;
  if (stringAt(metadata, 'deletionTimestamp') !== undefined) return undefined;
  return {
    namespace,
    name: located.name,
    version: stringAt(metadata, 'resourceVersion') ?? '',
    ...makersOfPod(located),
    isReady: isReadyPod(object),
    asks: seen.asks,
    isInjected: seen.isInjected,
  };
}

function makersOfPod(located: Located): Pick<SeenPod, 'root' | 'replicaSet'> {
  const maker = controllerOf({ located });
  if (maker === undefined) return { root: { kind: 'Pod', name: located.name } };
  const root = { kind: maker.kind, name: maker.name };
  const owner = controllerIn(located.metadata);
  const isGuess = maker.kind !== stringAt(owner, 'kind');
  return isGuess ? { root, replicaSet: stringAt(owner, 'name') } : { root };
}

function controllerIn(metadata: JsonObject): JsonObject | undefined {
  return listAt(metadata, 'ownerReferences')
    .filter(isObject)
    .find((each) => each['controller'] === true);
}

/** Only those that a decision, or a view, depends on are kept. */
export function followedConfigMaps(
  sinks: FollowSinks,
  namespace: string | undefined,
): FollowedResource<JsonObject> {
  const { isWanted, replace, put, drop } = sinks.configMaps;
  return {
    ...named('configmaps', sinks),
    path: pathOf({ apiVersion: 'v1', resource: 'configmaps' }, namespace),
    slim: (object) => {
      const metadata = objectAt(object, 'metadata');
      const within = stringAt(metadata, 'namespace') ?? '';
      return isWanted(within, stringAt(metadata, 'name') ?? '') ? object : undefined;
    },
    replace,
    put,
    drop,
  };
}

export function followedHooks(sinks: FollowSinks): FollowedResource<string> {
  const names = new Set<string>();
  const tell = (): void => {
    sinks.hooks(names);
  };
  return {
    ...named('mutatingwebhookconfigurations', sinks),
    path: '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
    slim: (object) => (isOwnConfiguration(object) ? nameOf(object) : undefined),
    replace: (all) => {
      names.clear();
      for (const each of all) names.add(each);
      tell();
    },
    put: (name) => {
      names.add(name);
      tell();
    },
    drop: (_namespace, name) => {
      if (names.delete(name)) tell();
    },
  };
}

/** Whoever looks may lack the right to: that is told, and tried again. */
function named(
  name: string,
  { available }: FollowSinks,
): Pick<FollowedResource<never>, 'name' | 'available'> & {
  readonly available: (now: Availability) => void;
} {
  return {
    name,
    available: (now) => {
      available(name, now);
    },
  };
}
