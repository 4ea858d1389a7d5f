/** Labels, annotations and containers of a pod by which Istio's injector, and its iptables, know what to do. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { istioContainer, type IstioRole } from '../istio/istio-plan.ts';

/** Keys of Istio's, of labels and annotations. @see istio.io/docs/reference/config/annotations */
export const istioKeys = Object.freeze({
  inject: 'sidecar.istio.io/inject',
  templates: 'inject.istio.io/templates',
  revision: 'istio.io/rev',
  dataplaneMode: 'istio.io/dataplane-mode',
  interceptionMode: 'sidecar.istio.io/interceptionMode',
  proxyConfig: 'proxy.istio.io/config',
  excludeInterfaces: 'traffic.sidecar.istio.io/excludeInterfaces',
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

/** Whether the pod template tells Istio's injector to leave it alone. */
export function refusesIstio(template: JsonObject): boolean {
  return [labelsOf(template), annotationsOf(template)].some(
    (marks) => marks[istioKeys.inject] === 'false',
  );
}

/** Whether the pod template itself has Istio's injector act. */
export function asksIstio(template: JsonObject): boolean {
  if (refusesIstio(template)) return false;
  const labels = labelsOf(template);
  const annotations = annotationsOf(template);
  const revision = stringAt(labels, istioKeys.revision) ?? '';
  const templates = stringAt(annotations, istioKeys.templates) ?? '';
  const isToInject = [labels, annotations].some((marks) => marks[istioKeys.inject] === 'true');
  return isToInject || revision !== '' || templates !== '';
}

/** Templates of Istio's whose container is called as its proxy and has no Envoy: the app speaks xDS itself. */
const proxyless: readonly string[] = ['grpc-agent', 'grpc-simple'];

/** The template that keeps Envoy out, if one does. */
export function proxylessTemplate(template: JsonObject): string | undefined {
  const asked = stringAt(annotationsOf(template), istioKeys.templates) ?? '';
  return asked
    .split(',')
    .map((name) => name.trim())
    .find((name) => proxyless.includes(name));
}

/** The annotation by which connections are not led to Envoy at all, if one says so. */
export function keyOfNoInterception(template: JsonObject): string | undefined {
  const annotations = annotationsOf(template);
  if (annotations[istioKeys.interceptionMode] === 'NONE') return istioKeys.interceptionMode;
  // YAML or JSON of a ProxyConfig.
  const config = stringAt(annotations, istioKeys.proxyConfig) ?? '';
  const isNone = /\binterceptionMode["']?\s*:\s*["']?NONE\b/.test(config);
  return isNone && annotations[istioKeys.interceptionMode] === undefined
    ? istioKeys.proxyConfig
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

export function roleOf(template: JsonObject): IstioRole {
  const templates = stringAt(annotationsOf(template), istioKeys.templates) ?? '';
  const isAsked = templates.split(',').some((name) => name.trim() === 'gateway');
  const proxy = proxyIn(template);
  const isRouter = proxy !== undefined && startedAs(proxy) === 'router';
  return isAsked || isRouter ? 'gateway' : 'sidecar';
}
