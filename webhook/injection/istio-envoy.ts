/** An Envoy that istiod configures: whether a pod has one, and what an injection does to such a pod. */
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { envoyFilterDirectory, istioContainer, type IstioPlan } from '../istio/istio-plan.ts';
import { annotationKey, envoyFilterLabel } from '../request/metadata-keys.ts';
import type { Composition } from './compose.ts';
import { mergePartial } from './keyed.ts';
import type { NameHashOf } from './hash.ts';
import { asksIstio, isWhole, proxyIn, roleOf } from './istio-marks.ts';
import { exclusionOf, type Exclusion } from './istio-ports.ts';
import { derivedNameBy } from './plan-name.ts';
import { servingEnvoys } from './reads/find-envoy.ts';
import type { Replacement } from './reconcile.ts';
import { refuseAmbient, refuseTurnedOff } from './refuse-istio.ts';
import type { EnvoyPlan } from './status.ts';

/** Beginning of the names of its ConfigMaps and EnvoyFilters. */
const sourceName = 'istio';

/**
 * Undefined where the pod's Envoy is not Istio's. @param hint the container that the annotation names as Envoy
 * @throws {AppError} ISTIO_UNFIT where Istio would bring it, and does not
 */
export function istioPlanOf(template: JsonObject, hint: string | undefined): IstioPlan | undefined {
  const isIstios = hint === istioContainer;
  if (!isIstios && (hint !== undefined || servingEnvoys(objectAt(template, 'spec')).length > 0))
    return undefined;
  refuseAmbient(template);
  if (isIstios && proxyIn(template) === undefined)
    refuseTurnedOff(template, `the annotation ${annotationKey('envoy-container')}`);
  return isIstios || proxyIn(template) !== undefined || asksIstio(template)
    ? { role: roleOf(template) }
    : undefined;
}

/** What an injection does to a pod whose Envoy is Istio's. */
export interface PlannedIstio {
  readonly plan: EnvoyPlan;
  /** Where Istio's container is, if it is there. */
  readonly serving:
    { readonly container: string; readonly list: 'containers' | 'initContainers' } | undefined;
  /** Containers that Istio's injector will bring. */
  readonly awaits: readonly string[];
  readonly replacements: readonly Replacement[];
  /** Merged into the composition's pod. */
  readonly pod: JsonObject;
}

export function planIstio(
  template: JsonObject,
  istio: IstioPlan,
  facts: {
    readonly templates: readonly string[];
    readonly values: EnvoyPlan['values'];
    readonly nameHashOf: NameHashOf;
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
  const derived = derivedNameBy(plan)(facts.nameHashOf);
  const proxy = proxyIn(template);
  return {
    plan: { ...plan, derived },
    serving: proxy === undefined ? undefined : { container: istioContainer, list: proxy.list },
    awaits: proxy !== undefined && isWhole(proxy) ? [] : [istioContainer],
    replacements: [],
    pod: podPartOf(derived),
  };
}

/** Nothing leads a gateway's connections into Envoy. */
const nothingExcluded: Exclusion = { annotations: {}, replacements: [] };

const volumeName = 'svidecar-envoy-filter';

function podPartOf(derived: string): JsonObject {
  return {
    metadata: { labels: { [envoyFilterLabel]: derived } },
    spec: { volumes: [{ name: volumeName, configMap: { name: derived } }] },
  };
}

const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;

/**
 * Istio's injector has its own container ask for all others: a helper among the init containers would wait for that one, which
 * starts after it. The helper's port is left out of Envoy's, so the kubelet asks the helper itself again.
 */
function ownProbes(
  template: JsonObject,
  { sidecars, variables }: Pick<Composition, 'sidecars' | 'variables'>,
): readonly Replacement[] {
  const helper = sidecars.find(({ name }) => name === helperContainer);
  if (helper === undefined || hasOverlay(template)) return [];
  const list = variables['nativeSidecar'] === true ? 'initContainers' : 'containers';
  return probes.flatMap((probe) => {
    const { path, port } = objectAt(objectAt(helper, probe), 'httpGet');
    const place = `/spec/${list}/name=${helperContainer}/${probe}/httpGet`;
    return [...replacementOf(`${place}/path`, path), ...replacementOf(`${place}/port`, port)];
  });
}

function replacementOf(path: string, now: Json | undefined): readonly Replacement[] {
  return now === undefined ? [] : [{ path, now }];
}

/** A helper of the user's own that is only completed: its probes are the user's. */
function hasOverlay(template: JsonObject): boolean {
  const spec = objectAt(template, 'spec');
  return [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
    .filter(isObject)
    .some((container) => stringAt(container, 'name') === helperContainer);
}

/** The composition with what makes a pod wait for its EnvoyFilter. */
export function withIstio(composition: Composition, { pod }: PlannedIstio): Composition {
  const volumeMounts = [{ name: volumeName, mountPath: envoyFilterDirectory, readOnly: true }];
  return withParts(composition, { pod, helper: { volumeMounts } });
}

function withParts(
  composition: Composition,
  { pod, helper }: { readonly pod: JsonObject; readonly helper: JsonObject },
): Composition {
  return {
    ...composition,
    pod: mergePartial(composition.pod, pod),
    sidecars: composition.sidecars.map((sidecar) =>
      sidecar['name'] === helperContainer ? mergePartial(sidecar, helper) : sidecar,
    ),
  };
}

/** What a helper needs where Istio's proxy is, or will be, in its pod: also where another Envoy asks it. */
export function besideIstio(
  template: JsonObject,
  composition: Composition,
  hint: string | undefined,
): { readonly fitted: Composition; readonly replacements: readonly Replacement[] } {
  const proxy = proxyIn(template);
  const isAwaited = hint === istioContainer || needsIstio(composition);
  const isThere = proxy !== undefined || isAwaited || asksIstio(template);
  if (composition.helper === undefined || !isThere)
    return { fitted: composition, replacements: [] };
  const isGateway = roleOf(template) === 'gateway';
  const { annotations, replacements } = isGateway ? nothingExcluded : exclusionOf(template);
  const metadata = Object.keys(annotations).length === 0 ? {} : { metadata: { annotations } };
  const probes = proxy === undefined ? [] : ownProbes(template, composition);
  return {
    fitted: withParts(composition, { pod: metadata, helper: helperPart(composition) }),
    replacements: [...replacements, ...probes],
  };
}

/** Whether a template completes Istio's container, or does nothing without it. */
function needsIstio({ pod }: Pick<Composition, 'pod'>): boolean {
  return listAt(objectAt(pod, 'spec'), 'containers')
    .filter(isObject)
    .some(({ name }) => name === istioContainer);
}

/** Istio's container may stand before a native helper, and then ends after it: the app has ended by then, so nothing is left to wait for. */
function helperPart({ variables }: Composition): JsonObject {
  const isNative = variables['nativeSidecar'] === true;
  return isNative ? { env: [{ name: 'LINGER_SECONDS', value: '0' }] } : {};
}
