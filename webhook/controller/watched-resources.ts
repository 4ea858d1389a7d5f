/** What is watched, and where it goes in the store. */
import { objectAt, stringAt } from '#kernel/json.ts';
import { injectedLabel } from '../request/metadata-keys.ts';
import { slimConfigMap, slimNamespace, slimWorkload } from './kept-objects.ts';
import type {
  AskerEntry,
  ConfigMapEntry,
  Judge,
  NamespaceEntry,
  UserEntry,
} from './kept-objects.ts';
import type { ClusterStore } from './store.ts';
import type { FollowedResource } from '../kube/followed-resource.ts';
import { pathOf } from '../kube/read-list.ts';
import { apiVersionOf, isPod, workloadKinds } from '../objects/kinds.ts';

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

/** Everything whose pods may carry our status, or ask for it. */
export function workloads(
  store: ClusterStore,
  judge: Judge,
): readonly FollowedResource<UserEntry | AskerEntry>[] {
  return workloadKinds.map((type) => ({
    name: type.resource,
    path: pathOf({ apiVersion: apiVersionOf(type), resource: type.resource }),
    ...(isPod(type) ? podSelector : {}),
    slim: (object) => slimWorkload(object, type, judge),
    sifter: () => store.workloadSifter(),
    replace: (entries) => {
      store.replaceWorkloads(type.kind, entries);
    },
    put: (entry) => {
      store.putWorkload(entry);
    },
    drop: (namespace, name) => {
      store.dropWorkload(type.kind, namespace, name);
    },
  }));
}
