/** A shop whose Envoys are Istio's, with all that its checks look at, for tests of them. */
import { isObject, listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import { desiredConfigMaps } from '../../webhook/desired/marks.ts';
import { userOf } from '../../webhook/checks/config-maps.ts';
import { assess } from '../../webhook/checks/assess.ts';
import { extensionProvider } from '../../webhook/manifests/istio-policies.ts';
import { filterManifestOf, manifestOf } from '../../webhook/manifests/appended-documents.ts';
import { injected } from './admission.ts';
import { enabled, factsWith, namespace, type Objects } from './check-facts.ts';
import { engineFor } from './engine.ts';
import { withIstioProxy } from './istio-injector.ts';
import { appAlone, deployment, pod } from './workloads.ts';

const byFilter = {
  'inject.svidecar.dev/templates': 'jwt-validate',
  'svidecar.dev/envoy-container': 'istio-proxy',
};
export const byPolicy = { ...byFilter, 'inject.svidecar.dev/templates': 'istio-validate' };

/** As a cluster stores it. */
function stored(object: JsonObject): JsonObject {
  return { ...object, metadata: { ...objectAt(object, 'metadata'), uid: 'u-1' } };
}

/** Changed as a whole by Istio's injector, then by ours. */
function storedPod(annotations: Readonly<Record<string, string>>): JsonObject {
  return stored(injected(withIstioProxy(pod(annotations, appAlone), 'initContainers')));
}

const filteredDeployment = injected(deployment(byFilter, appAlone));

/** Those that svidecar keeps for a workload. */
function keptFor(workload: JsonObject): { filter: JsonObject; configMaps: readonly JsonObject[] } {
  const facts = factsWith({ workloads: [workload] });
  const [assessed] = assess(facts, [{ object: workload }]);
  if (assessed === undefined) throw new TypeError('it has a pod template');
  const { configMaps, envoyFilters } = desiredConfigMaps('shop', [userOf(assessed)], {
    sources: new Map(),
    memory: engineFor().memory,
    marks: { labels: {}, annotations: {} },
  });
  const [filter] = envoyFilters;
  if (filter === undefined) throw new TypeError("its Envoy is Istio's");
  return {
    filter: filterManifestOf(filter, 'shop'),
    configMaps: configMaps.map((each) => manifestOf(each, 'shop')),
  };
}

const kept = keptFor(filteredDeployment);
export const filter = kept.filter;

export function istiod(readyReplicas: number): JsonObject {
  const metadata = { name: 'istiod', namespace: 'istio-system', labels: { app: 'istiod' } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, status: { readyReplicas } };
}

/** A shop that is told by an EnvoyFilter, and all is well. */
export const filtered: Objects = {
  namespaces: [namespace('shop', enabled)],
  workloads: [filteredDeployment],
  pods: [storedPod(byFilter)],
  envoyFilters: [filter],
  configMaps: kept.configMaps,
  istiods: [istiod(1)],
};

/** What of it somebody has changed. */
export function filterWith(change: (patch: JsonObject) => JsonObject): JsonObject {
  const spec = objectAt(filter, 'spec');
  const configPatches = listAt(spec, 'configPatches').filter(isObject).map(change);
  return { ...filter, spec: { ...spec, configPatches } };
}

export function podWith(
  change: (pod: JsonObject) => JsonObject,
  annotations = byFilter,
): JsonObject {
  return change(storedPod(annotations));
}

export function istioObject(kind: string, spec: JsonObject, place = 'shop'): JsonObject {
  return { kind, metadata: { name: `a-${kind.toLowerCase()}`, namespace: place }, spec };
}

export const policySpec = {
  selector: { matchLabels: { app: 'frontend' } },
  action: 'CUSTOM',
  provider: { name: 'svidecar' },
  rules: [{}],
};

export function meshConfig(mesh: string, name = 'istio'): JsonObject {
  const metadata = { name, namespace: 'istio-system', labels: { 'istio.io/rev': 'default' } };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh } };
}

/** As `render istio --mesh-config` has it. */
export const meshText = JSON.stringify(objectAt(extensionProvider('istio-system'), 'meshConfig'));

/** A shop that Istio asks the helpers of by its own API, and all is well. */
export const provided: Objects = {
  namespaces: [namespace('shop', enabled)],
  workloads: [injected(deployment(byPolicy, appAlone))],
  pods: [storedPod(byPolicy)],
  authorizationPolicies: [istioObject('AuthorizationPolicy', policySpec)],
  serviceEntries: [
    istioObject('ServiceEntry', { hosts: ['auth-helper.svidecar.internal'] }, 'istio-system'),
  ],
  meshConfigs: [meshConfig(meshText)],
  requestAuthentications: [],
};
