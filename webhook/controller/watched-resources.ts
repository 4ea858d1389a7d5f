/** What is watched, and where it goes in the store. */
import { objectAt, stringAt } from '#kernel/json.ts';
import { injectedLabel } from '../desired/desired.ts';
import { slimConfigMap, slimNamespace, slimWorkload } from './kept-objects.ts';
import type {
  AskerEntry,
  ConfigMapEntry,
  Judge,
  NamespaceEntry,
  PodMetadataPath,
  UserEntry,
} from './kept-objects.ts';
import type { ClusterStore } from './store.ts';
import type { FollowedResource } from '../kube/followed-resource.ts';

interface WorkloadType {
  readonly resource: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly podMetadata: PodMetadataPath;
  readonly selector?: string;
}

const template: PodMetadataPath = ['spec', 'template', 'metadata'];
const workloadTypes: readonly WorkloadType[] = [
  { resource: 'deployments', apiVersion: 'apps/v1', kind: 'Deployment', podMetadata: template },
  { resource: 'statefulsets', apiVersion: 'apps/v1', kind: 'StatefulSet', podMetadata: template },
  { resource: 'daemonsets', apiVersion: 'apps/v1', kind: 'DaemonSet', podMetadata: template },
  { resource: 'replicasets', apiVersion: 'apps/v1', kind: 'ReplicaSet', podMetadata: template },
  { resource: 'jobs', apiVersion: 'batch/v1', kind: 'Job', podMetadata: template },
  {
    resource: 'cronjobs',
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    podMetadata: ['spec', 'jobTemplate', ...template],
  },
  {
    resource: 'pods',
    apiVersion: 'v1',
    kind: 'Pod',
    podMetadata: ['metadata'],
    // Pods are the many; only those that we injected are sent at all.
    selector: `labelSelector=${encodeURIComponent(`${injectedLabel}=true`)}`,
  },
];

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
  return workloadTypes.map((type) => ({
    name: type.resource,
    path: `${type.apiVersion === 'v1' ? '/api' : '/apis'}/${type.apiVersion}/${type.resource}`,
    ...(type.selector === undefined ? {} : { selector: type.selector }),
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
