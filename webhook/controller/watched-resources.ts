/** What is watched, and where it goes in the store. */
import { objectAt, stringAt } from '#kernel/json.ts';
import { injectedLabel } from '../request/metadata-keys.ts';
import type { IdentityIndex, WishingObject } from './identity-index.ts';
import { slimConfigMap, slimNamespace, slimWish, slimWorkload } from './kept-objects.ts';
import type {
  AskerEntry,
  ConfigMapEntry,
  Identify,
  Judge,
  NamespaceEntry,
  UserEntry,
} from './kept-objects.ts';
import type { ClusterStore } from './store.ts';
import type { FollowedResource } from '../kube/followed-resource.ts';
import { pathOf } from '../kube/read-list.ts';
import { apiVersionOf, isPod, workloadKinds, type WorkloadKind } from '../objects/kinds.ts';

/** Pods are the many; only those that we injected are sent at all. */
const podSelector = { selector: `labelSelector=${encodeURIComponent(`${injectedLabel}=true`)}` };

export function namespaces(store: ClusterStore): FollowedResource<NamespaceEntry> {
  return {
    name: 'namespaces',
    path: '/api/v1/namespaces',
    slim: slimNamespace,
    replace: (entries) => {
      store.replaceNamespaces(entries);
    },
    put: (entry) => {
      store.putNamespace(entry);
    },
    drop: (_namespace, name) => {
      store.dropNamespace(name);
    },
  };
}

export function configMaps(store: ClusterStore): FollowedResource<ConfigMapEntry> {
  return {
    name: 'configmaps',
    path: '/api/v1/configmaps',
    slim: (object) => {
      const metadata = objectAt(object, 'metadata');
      // Every namespace has a copy of the cluster's authority; nobody's Envoy reads it from there.
      return stringAt(metadata, 'name') === 'kube-root-ca.crt' ? undefined : slimConfigMap(object);
    },
    sifter: () => store.sifter(),
    replace: (entries, version) => {
      store.replaceConfigMaps(entries, version);
    },
    put: (entry) => {
      store.putConfigMap(entry);
    },
    drop: (namespace, name) => {
      store.dropConfigMap(namespace, name);
    },
  };
}

/** What is kept of a workload: for its ConfigMaps and events, and for its registrations. */
export interface WatchedWorkload {
  readonly namespace: string;
  readonly name: string;
  readonly entry: UserEntry | AskerEntry | undefined;
  readonly wishing: WishingObject | undefined;
}

export interface WorkloadKeepers {
  readonly store: ClusterStore;
  readonly identities: IdentityIndex;
  readonly judge: Judge;
  readonly identify: Identify;
}

/** Everything whose pods may carry our status, or ask for it. */
export function workloads(keepers: WorkloadKeepers): readonly FollowedResource<WatchedWorkload>[] {
  return workloadKinds.map((type) => workloadsOf(type, keepers));
}

function workloadsOf(
  type: WorkloadKind,
  { store, identities, judge, identify }: WorkloadKeepers,
): FollowedResource<WatchedWorkload> {
  const { kind } = type;
  return {
    name: type.resource,
    path: pathOf({ apiVersion: apiVersionOf(type), resource: type.resource }),
    ...(isPod(type) ? podSelector : {}),
    slim: (object) => watched(slimWorkload(object, type, judge), slimWish(object, type, identify)),
    sifter: () => {
      const sift = store.workloadSifter();
      return (each) => (each.entry === undefined ? each : { ...each, entry: sift(each.entry) });
    },
    replace: (all) => {
      store.replaceWorkloads(
        kind,
        all.map(({ entry }) => entry).filter((entry) => entry !== undefined),
      );
      identities.replace(
        kind,
        all.map(({ wishing }) => wishing).filter((each) => each !== undefined),
      );
    },
    put: ({ namespace, name, entry, wishing }) => {
      if (entry === undefined) store.dropWorkload(kind, namespace, name);
      else store.putWorkload(entry);
      if (wishing === undefined) identities.drop(kind, namespace, name);
      else identities.put(wishing);
    },
    drop: (namespace, name) => {
      store.dropWorkload(kind, namespace, name);
      identities.drop(kind, namespace, name);
    },
  };
}

/** Undefined for an object of no interest. */
function watched(
  entry: WatchedWorkload['entry'],
  wishing: WatchedWorkload['wishing'],
): WatchedWorkload | undefined {
  const known = entry ?? wishing;
  if (known === undefined) return undefined;
  const { namespace, name } = known;
  return { namespace, name, entry, wishing };
}
