/** Which lists of the API each group of objects is read from, and what is kept of them. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { isCustom, namesHelper } from '../checks/asked-by-istio.ts';
import { concernsUs } from '../checks/assess.ts';
import { isCheckedPolicy } from '../checks/guard.ts';
import { isOwnConfiguration } from '../checks/inspected-hooks.ts';
import { isAgent } from '../checks/identity.ts';
import { isMeshConfig } from '../checks/mesh-configs.ts';
import { readsAuthorization } from '../checks/request-authentications.ts';
import { isControllerManager } from '../checks/spire-server.ts';
import type { ResourceName } from '../checks/facts.ts';
import { couldBeOurFilter } from '../desired/filter-faults.ts';
import type { ListSource } from '../kube/read-list.ts';
import {
  apiVersionOf,
  isMadeByControllers,
  isPod,
  workloadKinds,
  type WorkloadKind,
} from '../objects/kinds.ts';

/**
 * Where a group is read from: in the namespace that the user chose, there and in Istio's root namespace (`mesh`), in svidecar's
 * own, that Namespace itself, or everywhere.
 */
type Scope = 'chosen' | 'mesh' | 'own' | 'named' | 'cluster';

export interface Group {
  readonly scope: Scope;
  readonly sources: readonly ListSource[];
  readonly keep: (object: JsonObject) => boolean;
}

const core = 'v1';
const apps = 'apps/v1';
const admission = 'admissionregistration.k8s.io/v1';
const storage = 'storage.k8s.io/v1';
const networking = 'networking.istio.io';
const security = 'security.istio.io/v1';
const services: ListSource = { apiVersion: core, kind: 'Service', resource: 'services' };
const everything = (): boolean => true;

/** ReplicaSets are left out: old revisions make them many, and their pods are checked anyway. */
const workloads = workloadKinds.filter((kind) => !isMadeByControllers(kind)).map(listOf);
/** Finished pods do not matter any more. */
const unfinished = 'fieldSelector=status.phase!%3DSucceeded%2Cstatus.phase!%3DFailed';

/** ConfigMaps are read later, and only those that workloads name. */
export const groups: Readonly<Record<Exclude<ResourceName, 'configMaps'>, Group>> = {
  hooks: {
    scope: 'cluster',
    sources: [
      {
        apiVersion: admission,
        kind: 'MutatingWebhookConfiguration',
        resource: 'mutatingwebhookconfigurations',
      },
    ],
    keep: isOwnConfiguration,
  },
  namespaces: all('named', { apiVersion: core, kind: 'Namespace', resource: 'namespaces' }),
  workloads: {
    scope: 'chosen',
    sources: workloads,
    keep: (each) => concernsUs(each) && !isOver(each),
  },
  pods: {
    scope: 'chosen',
    sources: workloadKinds.filter(isPod).map((kind) => ({ ...listOf(kind), query: unfinished })),
    keep: concernsUs,
  },
  quotas: all('chosen', { apiVersion: core, kind: 'ResourceQuota', resource: 'resourcequotas' }),
  limitRanges: all('chosen', { apiVersion: core, kind: 'LimitRange', resource: 'limitranges' }),
  autoscalers: all('chosen', {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    resource: 'horizontalpodautoscalers',
    isOptional: true,
  }),
  deployments: all('own', { apiVersion: apps, kind: 'Deployment', resource: 'deployments' }),
  services: all('own', services),
  podServices: { scope: 'chosen', sources: [services], keep: hasSelector },
  endpointSlices: all('own', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    resource: 'endpointslices',
  }),
  policies: {
    scope: 'cluster',
    sources: [
      {
        apiVersion: admission,
        kind: 'ValidatingAdmissionPolicy',
        resource: 'validatingadmissionpolicies',
        isOptional: true,
      },
    ],
    keep: isCheckedPolicy,
  },
  policyBindings: all('cluster', {
    apiVersion: admission,
    kind: 'ValidatingAdmissionPolicyBinding',
    resource: 'validatingadmissionpolicybindings',
    isOptional: true,
  }),
  csiDrivers: all('cluster', { apiVersion: storage, kind: 'CSIDriver', resource: 'csidrivers' }),
  csiNodes: all('cluster', { apiVersion: storage, kind: 'CSINode', resource: 'csinodes' }),
  clusterSpiffeIds: all('cluster', {
    apiVersion: 'spire.spiffe.io/v1alpha1',
    kind: 'ClusterSPIFFEID',
    resource: 'clusterspiffeids',
    isOptional: true,
  }),
  controllerManagers: {
    scope: 'cluster',
    sources: [
      { apiVersion: apps, kind: 'StatefulSet', resource: 'statefulsets' },
      { apiVersion: apps, kind: 'Deployment', resource: 'deployments' },
    ],
    keep: isControllerManager,
  },
  envoyFilters: {
    scope: 'chosen',
    sources: [
      {
        apiVersion: `${networking}/v1alpha3`,
        kind: 'EnvoyFilter',
        resource: 'envoyfilters',
        isOptional: true,
      },
    ],
    keep: couldBeOurFilter,
  },
  authorizationPolicies: {
    scope: 'mesh',
    sources: [
      {
        apiVersion: security,
        kind: 'AuthorizationPolicy',
        resource: 'authorizationpolicies',
        isOptional: true,
      },
    ],
    keep: isCustom,
  },
  requestAuthentications: {
    scope: 'mesh',
    sources: [
      {
        apiVersion: security,
        kind: 'RequestAuthentication',
        resource: 'requestauthentications',
        isOptional: true,
      },
    ],
    keep: readsAuthorization,
  },
  serviceEntries: {
    scope: 'mesh',
    sources: [
      {
        apiVersion: `${networking}/v1`,
        kind: 'ServiceEntry',
        resource: 'serviceentries',
        isOptional: true,
      },
    ],
    keep: namesHelper,
  },
  meshConfigs: {
    scope: 'mesh',
    sources: [
      {
        apiVersion: core,
        kind: 'ConfigMap',
        resource: 'configmaps',
        query: `labelSelector=${encodeURIComponent('istio.io/rev')}`,
      },
    ],
    keep: isMeshConfig,
  },
  istiods: all('mesh', {
    apiVersion: apps,
    kind: 'Deployment',
    resource: 'deployments',
    query: `labelSelector=${encodeURIComponent('app=istiod')}`,
  }),
  agents: {
    scope: 'cluster',
    sources: [{ apiVersion: apps, kind: 'DaemonSet', resource: 'daemonsets' }],
    keep: isAgent,
  },
};

function hasSelector(service: JsonObject): boolean {
  return Object.keys(objectAt(objectAt(service, 'spec'), 'selector')).length > 0;
}

function listOf(kind: WorkloadKind): ListSource {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind, resource: kind.resource };
}

function all(scope: Scope, source: ListSource): Group {
  return { scope, sources: [source], keep: everything };
}

/** A finished Job creates no more pods. */
function isOver(object: JsonObject): boolean {
  const status = objectAt(object, 'status');
  if (object['kind'] !== 'Job') return false;
  return (
    stringAt(status, 'completionTime') !== undefined ||
    listAt(status, 'conditions').some(
      (each) => isObject(each) && ['Complete', 'Failed'].includes(stringAt(each, 'type') ?? ''),
    )
  );
}
