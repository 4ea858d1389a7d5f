/** Labels, annotations and containers of a pod by which Istio's injector, and its iptables, know what to do. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { istioContainer, type IstioRole } from '../istio/istio-plan.ts';
import { istioInjectKey, istioWish } from '../istio/istio-wish.ts';
import { proxyConfigSaid } from './istio-proxy-config.ts';

/** Keys of Istio's, of labels and annotations. @see istio.io/docs/reference/config/annotations */
export const istioKeys = Object.freeze({
  inject: istioInjectKey,
  templates: 'inject.istio.io/templates',
  revision: 'istio.io/rev',
  dataplaneMode: 'istio.io/dataplane-mode',
  interceptionMode: 'sidecar.istio.io/interceptionMode',
  proxyConfig: 'proxy.istio.io/config',
  excludeInterfaces: 'traffic.sidecar.istio.io/excludeInterfaces',
  mergesMetrics: 'prometheus.istio.io/merge-metrics',
  rewritesProbes: 'sidecar.istio.io/rewriteAppHTTPProbers',
  includeInboundPorts: 'traffic.sidecar.istio.io/includeInboundPorts',
  excludeInboundPorts: 'traffic.sidecar.istio.io/excludeInboundPorts',
  includeOutboundPorts: 'traffic.sidecar.istio.io/includeOutboundPorts',
  excludeOutboundPorts: 'traffic.sidecar.istio.io/excludeOutboundPorts',
  includeOutboundRanges: 'traffic.sidecar.istio.io/includeOutboundIPRanges',
  excludeOutboundRanges: 'traffic.sidecar.istio.io/excludeOutboundIPRanges',
});

function labelsOf(template: JsonObject): JsonObject {
  return objectAt(objectAt(template, 'metadata'), 'labels');
}

export function annotationsOf(template: JsonObject): JsonObject {
  return objectAt(objectAt(template, 'metadata'), 'annotations');
}

export interface IstioProxy {
  readonly container: JsonObject;
  readonly list: 'containers' | 'initContainers';
}

/** Istio's container, whole or as an overlay that Istio's injector completes. */
export function proxyIn(template: JsonObject): IstioProxy | undefined {
  const spec = objectAt(template, 'spec');
  return (['containers', 'initContainers'] as const)
    .flatMap((list) =>
      listAt(spec, list)
        .filter(isObject)
        .map((container): IstioProxy => ({ container, list })),
    )
    .find(({ container }) => container['name'] === istioContainer);
}

/** Without an image, or with `auto`, it is completed by Istio's injector. */
export function isWhole({ container: { image } }: IstioProxy): boolean {
  return image !== undefined && image !== '' && image !== 'auto';
}

/** Whether the pod template itself has Istio's injector act. */
export function asksIstio(template: JsonObject): boolean {
  const { kind } = istioWish(template);
  if (kind !== 'unsaid') return kind === 'on';
  const revision = stringAt(labelsOf(template), istioKeys.revision) ?? '';
  return revision !== '' || istioTemplates(template).length > 0;
}

/** Names of Istio's templates that an annotation asks for, without those of the mesh. */
function istioTemplates(template: JsonObject): readonly string[] {
  return (stringAt(annotationsOf(template), istioKeys.templates) ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Templates of Istio's whose container is called as its proxy and has no Envoy: the app speaks xDS itself. */
const proxyless: readonly string[] = ['grpc-agent', 'grpc-simple'];

/** Templates of which Istio makes workloads of its own: they bring no container to a pod of anybody else's. */
const unlent: readonly string[] = [
  'waypoint',
  'kube-gateway',
  'agentgateway',
  'agentgateway-waypoint',
  'ztunnel',
];

/** What keeps Envoy out, if something does: a template, and why. */
export function proxylessTemplate(
  template: JsonObject,
): { readonly name: string; readonly why: string } | undefined {
  const names = istioTemplates(template);
  const name = names.find((one) => proxyless.includes(one));
  if (name !== undefined) return { name, why: 'brings no Envoy (the app speaks to istiod itself)' };
  const own = names.find((one) => unlent.includes(one));
  return own === undefined || proxyIn(template) !== undefined
    ? undefined
    : { name: own, why: 'is for workloads that Istio makes itself, and brings no Envoy to others' };
}

/** What says something of how Istio leads connections to Envoy, as messages name it. */
export interface IstioSetting {
  readonly from: string;
  /** The annotation to change. */
  readonly key?: string;
}

const interceptionVariable = 'ISTIO_META_INTERCEPTION_MODE';

/** By what connections are not led to Envoy at all, if something says so: as far as it is seen, a setting of the mesh as well. */
export function noInterceptionBy(template: JsonObject): IstioSetting | undefined {
  const annotations = annotationsOf(template);
  const byKey = (key: string): IstioSetting => ({ from: `annotation ${key}`, key });
  const said = annotations[istioKeys.interceptionMode];
  if (said !== undefined) return said === 'NONE' ? byKey(istioKeys.interceptionMode) : undefined;
  const config = stringAt(annotations, istioKeys.proxyConfig);
  if (config !== undefined && proxyConfigSaid(config).isUncaught)
    return byKey(istioKeys.proxyConfig);
  const isNone = listAt(proxyIn(template)?.container ?? {}, 'env')
    .filter(isObject)
    .some(({ name, value }) => name === interceptionVariable && value === 'NONE');
  return isNone
    ? { from: `a setting of the mesh (${interceptionVariable} of container "${istioContainer}")` }
    : undefined;
}

export function isAmbient(template: JsonObject): boolean {
  return labelsOf(template)[istioKeys.dataplaneMode] === 'ambient';
}

/** What Istio's container is started as, where that is said: `sidecar`, `router` or `waypoint`. */
export function startedAs(proxy: IstioProxy): string | undefined {
  return listAt(proxy.container, 'args')
    .filter((arg) => typeof arg === 'string')
    .find((arg) => ['sidecar', 'router', 'waypoint'].includes(arg));
}

/** Names of Istio's own templates. */
const knownTemplates: readonly string[] = ['sidecar', 'gateway', ...proxyless, ...unlent];

/** Templates of which nobody can tell whether they make a sidecar or a gateway, as long as Istio's container is not there. */
export function templatesOfUnknownRole(template: JsonObject): readonly string[] {
  const proxy = proxyIn(template);
  if (proxy !== undefined && startedAs(proxy) !== undefined) return [];
  const names = istioTemplates(template);
  return names.some((name) => knownTemplates.includes(name)) ? [] : names;
}

export function roleOf(template: JsonObject): IstioRole {
  const proxy = proxyIn(template);
  const started = proxy === undefined ? undefined : startedAs(proxy);
  if (started !== undefined) return started === 'router' ? 'gateway' : 'sidecar';
  return istioTemplates(template).includes('gateway') ? 'gateway' : 'sidecar';
}
