/** An Envoy that istiod configures: whether a pod has one, and what of the pod tells which it is. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { healthPort, helperContainer } from '../../sidecar/config/helper-contract.ts';
import {
  envoyFilterDirectory,
  istioContainer,
  type IstioPlan,
  type IstioRole,
} from '../istio/istio-plan.ts';
import { envoyFilterLabel } from '../request/metadata-keys.ts';
import type { Composition } from './compose.ts';
import { mergePartial } from './keyed.ts';
import type { HashOf } from './hash.ts';
import { derivedNameBy } from './plan-name.ts';
import { servingEnvoys } from './reads/find-envoy.ts';
import type { Replacement } from './reconcile.ts';
import type { EnvoyPlan } from './status.ts';

/** Beginning of the names of its ConfigMaps and EnvoyFilters. */
const sourceName = 'istio';

const asksKey = 'sidecar.istio.io/inject';
const templatesKey = 'inject.istio.io/templates';
const revisionLabel = 'istio.io/rev';
const excludedPortsKey = 'traffic.sidecar.istio.io/excludeInboundPorts';

/** Undefined where the pod's Envoy is not Istio's. @param hint the container that the annotation names as Envoy */
export function istioPlanOf(template: JsonObject, hint: string | undefined): IstioPlan | undefined {
  const spec = objectAt(template, 'spec');
  if (hint !== undefined) return hint === istioContainer ? { role: roleOf(template) } : undefined;
  if (servingEnvoys(spec).length > 0) return undefined;
  return proxyIn(spec) !== undefined || asksIstio(template)
    ? { role: roleOf(template) }
    : undefined;
}

interface FoundProxy {
  readonly container: JsonObject;
  readonly list: 'containers' | 'initContainers';
}

/** Istio's container, whole or as an overlay that Istio's injector completes. */
function proxyIn(spec: JsonObject): FoundProxy | undefined {
  return (['containers', 'initContainers'] as const)
    .flatMap((list) =>
      listAt(spec, list)
        .filter(isObject)
        .map((container): FoundProxy => ({ container, list })),
    )
    .find(({ container }) => container['name'] === istioContainer);
}

/** Whether the pod template itself has Istio's injector act. */
function asksIstio(template: JsonObject): boolean {
  const { labels, annotations } = marksOf(template);
  const said = [labels[asksKey], annotations[asksKey]];
  if (said.includes('false')) return false;
  const revision = stringAt(labels, revisionLabel) ?? '';
  const templates = stringAt(annotations, templatesKey) ?? '';
  return said.includes('true') || revision !== '' || templates !== '';
}

function roleOf(template: JsonObject): IstioRole {
  const templates = stringAt(marksOf(template).annotations, templatesKey) ?? '';
  const isAsked = templates.split(',').some((name) => name.trim() === 'gateway');
  const proxy = proxyIn(objectAt(template, 'spec'));
  const args = proxy === undefined ? [] : listAt(proxy.container, 'args');
  return isAsked || args.includes('router') ? 'gateway' : 'sidecar';
}

function marksOf(template: JsonObject): {
  readonly labels: JsonObject;
  readonly annotations: JsonObject;
} {
  const metadata = objectAt(template, 'metadata');
  return { labels: objectAt(metadata, 'labels'), annotations: objectAt(metadata, 'annotations') };
}

/** What an injection does to a pod whose Envoy is Istio's. */
export interface PlannedIstio {
  readonly plan: EnvoyPlan;
  readonly istio: IstioPlan;
  /** Where Istio's container is, if it is there. */
  readonly serving: { readonly container: string; readonly list: FoundProxy['list'] } | undefined;
  /** Containers that Istio's injector will bring. */
  readonly awaits: readonly string[];
  readonly replacements: readonly Replacement[];
  /** Merged into the composition's pod, and into its helper. */
  readonly pod: JsonObject;
  readonly helper: JsonObject;
}

export function planIstio(
  template: JsonObject,
  istio: IstioPlan,
  facts: {
    readonly templates: readonly string[];
    readonly values: EnvoyPlan['values'];
    readonly hashOf: HashOf;
  },
): PlannedIstio {
  const plan = {
    source: sourceName,
    file: '',
    directory: '',
    istio,
    templates: [...facts.templates],
    values: facts.values,
  };
  const derived = derivedNameBy(plan)(facts.hashOf);
  const proxy = proxyIn(objectAt(template, 'spec'));
  const ports = excludedPorts(template);
  return {
    plan: { ...plan, derived },
    istio,
    serving: proxy === undefined ? undefined : { container: istioContainer, list: proxy.list },
    awaits: proxy !== undefined && isWhole(proxy.container) ? [] : [istioContainer],
    replacements: ports.replacements,
    pod: podPartOf(derived, ports.annotations),
    helper: {
      name: helperContainer,
      volumeMounts: [{ name: volumeName, mountPath: envoyFilterDirectory, readOnly: true }],
    },
  };
}

const volumeName = 'svidecar-envoy-filter';

function podPartOf(derived: string, annotations: JsonObject): JsonObject {
  return {
    metadata: {
      labels: { [envoyFilterLabel]: derived },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: { volumes: [{ name: volumeName, configMap: { name: derived } }] },
  };
}

/** Without an image, or with `auto`, it is completed by Istio's injector. */
function isWhole({ image }: JsonObject): boolean {
  return image !== undefined && image !== '' && image !== 'auto';
}

/** The kubelet asks the helper's health port from outside the pod, in plain HTTP: Istio must not lead that into Envoy. */
function excludedPorts(template: JsonObject): {
  readonly annotations: JsonObject;
  readonly replacements: readonly Replacement[];
} {
  const { annotations } = marksOf(template);
  const have = annotations[excludedPortsKey];
  if (typeof have !== 'string')
    return { annotations: { [excludedPortsKey]: String(healthPort) }, replacements: [] };
  const now = withPort(have);
  const path = `/metadata/annotations/${excludedPortsKey.replaceAll('/', '~1')}`;
  return { annotations: {}, replacements: now === have ? [] : [{ path, now }] };
}

function withPort(list: string): string {
  const ports = list.split(',').map((port) => port.trim());
  if (ports.includes(String(healthPort))) return list;
  return list.trim() === '' ? String(healthPort) : `${list},${healthPort}`;
}

/** The composition with what this pod needs besides. */
export function withIstio(composition: Composition, { pod, helper }: PlannedIstio): Composition {
  return {
    ...composition,
    pod: mergePartial(composition.pod, pod),
    sidecars: composition.sidecars.map((sidecar) =>
      sidecar['name'] === helperContainer ? mergePartial(sidecar, helper) : sidecar,
    ),
  };
}
