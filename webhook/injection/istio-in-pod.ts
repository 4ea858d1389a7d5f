/** What is asked of an Envoy that istiod configures: planned, refused or told of. */
import { stringAt, type JsonObject } from '#kernel/json.ts';
import { shortened } from '#kernel/text.ts';
import { envoyFilterLabel } from '../request/metadata-keys.ts';
import type { Settings } from '../request/read-annotations.ts';
import { istioContainer, type IstioPlan } from '../istio/istio-plan.ts';
import { istioInjectKey, istioWish } from '../istio/istio-wish.ts';
import type { NamedTemplate } from '../templates/library.ts';
import { fragmentsOf, type Composition } from './compose.ts';
import type { EngineMemory } from './engine-memory.ts';
import { istioPlanOf, planIstio, type PlannedIstio } from './istio-envoy.ts';
import { roleOf } from './istio-marks.ts';
import { refuseUnusedPorts } from './own-envoy.ts';
import {
  isAskedByPolicy,
  refuseIstioUnfit,
  refusePolicyUnfit,
  type AskedOfIstio,
} from './refuse-istio.ts';
import { tellOfIstio, tellOfSocketName } from './tell-of-istio.ts';
import type { Trace } from './trace.ts';

export interface IstioQuestion {
  readonly templates: readonly NamedTemplate[];
  readonly composition: Composition;
  readonly settings: Settings;
  readonly trace: Trace;
  readonly engine: Partial<Pick<AskedOfIstio, 'hasEnvoyFilters'>> & {
    readonly memory: EngineMemory;
  };
}

/** Undefined where nothing is written into an Envoy of Istio's. */
export function istioIn(original: JsonObject, question: IstioQuestion): PlannedIstio | undefined {
  const { templates, composition, settings, engine, trace } = question;
  const { variables, wantsEnvoy, ownEnvoy } = composition;
  tellOfUnsure(original, trace);
  tellOfSocketName(original, composition, trace);
  const asked: AskedOfIstio = {
    fragments: fragmentsOf(templates, variables),
    variables,
    hasEnvoyFilters: engine.hasEnvoyFilters,
  };
  const isFiltered = wantsEnvoy && ownEnvoy === undefined;
  const istio = isFiltered
    ? istioPlanOf(original, stringAt(settings, 'envoy-container'))
    : undefined;
  if (istio !== undefined) {
    refuseUnusedPorts(settings);
    refuseIstioUnfit(original, istio, asked);
    const done = planned(original, istio, question);
    tellOfIstio(original, istio, { asked, trace });
    return done;
  }
  if (isAskedByPolicy(asked)) {
    const plan = { role: roleOf(original) };
    refusePolicyUnfit(original, plan, asked);
    tellOfIstio(original, plan, { asked, trace });
  }
  return undefined;
}

function planned(
  original: JsonObject,
  istio: IstioPlan,
  { templates, composition, engine, trace }: IstioQuestion,
): PlannedIstio {
  const done = planIstio(original, istio, {
    templates: templates.map(({ name }) => name),
    values: composition.envoyValues,
    nameHashOf: engine.memory.nameHashOf,
  });
  trace.say(
    'envoy_filter_planned',
    `Istio configures the pod's Envoy (${istio.role}): EnvoyFilter ${done.plan.derived} adds to it what is asked for, and selects its pods by the label ${envoyFilterLabel}`,
  );
  if (done.awaits.length > 0)
    trace.say(
      'awaits_container',
      `container "${istioContainer}" is not there yet: Istio's injector brings it to each pod, and a pod without it is refused`,
    );
  return done;
}

function tellOfUnsure(original: JsonObject, trace: Trace): void {
  const { kind, unsure } = istioWish(original);
  if (unsure !== undefined)
    trace.warn(
      'istio_mark_unsure',
      `${istioInjectKey}: "${shortened(unsure)}": older releases of Istio read it as "${kind === 'on' ? 'true' : 'false'}", later ones ignore it and go by the namespace; write "true" or "false"`,
      istioInjectKey,
    );
}
