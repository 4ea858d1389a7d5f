/** The EnvoyFilter of a plan, the ConfigMap that makes pods wait for it, and what both mean for requests. */
import { stringify } from 'yaml';
import { AppError } from '#kernel/errors.ts';
import { stringAt, type JsonObject } from '#kernel/json.ts';
import type {
  EnvoyAdditions,
  EnvoyChange,
  FilterAddition,
  Guard,
  InboundView,
} from '../envoy/patch-contract.ts';
import { shortList } from '../envoy/short-list.ts';
import { comesFirst, renderEnvoyFilter } from '../istio/render-envoy-filter.ts';
import { envoyFilterFile, envoyFilterKind, type IstioPlan } from '../istio/istio-plan.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import type { Library } from '../templates/library.ts';
import { maxConfigMapBytes } from './config-map-contents.ts';
import { additionsOf, type PlannedPatch } from './envoy-plan.ts';
import { annotationsOf, istioKeys } from './istio-marks.ts';
import type { EnvoyPlan } from './status.ts';

/** @throws {AppError} TEMPLATE_UNKNOWN, TEMPLATE_INVALID, ISTIO_UNFIT where the API server would not store it */
export function envoyFilterPlanned(
  plan: EnvoyPlan,
  istio: IstioPlan,
  library: Library,
): PlannedPatch {
  const { derived } = plan;
  const additions = additionsOf(plan, library);
  const spec = renderEnvoyFilter(additions, istio, { derived });
  const { apiVersion, kind } = envoyFilterKind;
  const manifest = { apiVersion, kind, metadata: { name: derived }, spec };
  const text = textOf(manifest, additions);
  return {
    data: { [envoyFilterFile]: text },
    binaryData: {},
    envoyFilter: spec,
    warnings: [],
    changes: changesOf(additions, plan),
    inbound: inboundOf(additions, istio),
  };
}

/** More than this as YAML would keep others waiting: it takes some hundred times as long to write as JSON, which is YAML too. */
const maxYamlBytes = 32 * 1024;

function textOf(manifest: JsonObject, additions: EnvoyAdditions): string {
  const json = JSON.stringify(manifest);
  const bytes = Buffer.byteLength(json);
  refuseSize(bytes, additions);
  return bytes > maxYamlBytes ? json : stringify(manifest, { lineWidth: 0 });
}

/** Each named listener has filters of its own in it, and the ConfigMap of its name holds all of it. */
function refuseSize(bytes: number, { filters }: EnvoyAdditions): void {
  if (bytes <= maxConfigMapBytes) return;
  const [most] = filters.toSorted((a, b) => countOf(b) - countOf(a));
  const key = annotationKey(
    most?.direction === 'outbound' ? 'inject-listeners' : 'validate-listeners',
  );
  const named = most === undefined ? 0 : countOf(most);
  throw new AppError(
    'ISTIO_UNFIT',
    `annotation ${key} names ${named} listeners, and the ${envoyFilterKind.kind} for them would have ${bytes} bytes, of which the API server stores at most ${maxConfigMapBytes} in the ConfigMap beside it; name fewer, or * for all`,
    { facts: { key } },
  );
}

function countOf({ listeners = [] }: FilterAddition): number {
  return listeners.length;
}

function changesOf(
  { filters }: EnvoyAdditions,
  { derived }: Pick<EnvoyPlan, 'derived'>,
): readonly EnvoyChange[] {
  return filters.map((addition) => {
    const { rule, direction, filter, listeners = ['*'] } = addition;
    const where = listeners.includes('*') ? `all ${direction} listeners` : shortList(listeners);
    const closes = validates(addition)
      ? ', and closes what is not HTTP there, which can carry no token'
      : '';
    const name = stringAt(filter, 'name') ?? 'a filter';
    const place = comesFirst(addition) ? 'before all other filters' : 'directly before the router';
    const message = `${envoyFilterKind.kind} ${derived} adds ${name} for ${rule} to ${where}, ${place}${closes}`;
    return { file: envoyFilterFile, line: 1, message };
  });
}

function validates({ direction, onlyRefuses }: FilterAddition): boolean {
  return direction === 'inbound' && onlyRefuses !== true;
}

/** Istio's iptables lead all ports of a pod into its one inbound listener. */
function inboundOf({ filters }: EnvoyAdditions, { role }: IstioPlan): InboundView {
  if (role === 'gateway') return { guards: [], ports: [], appPorts: [] };
  const guards = filters.filter(validates).map(({ rule, listeners = ['*'] }): Guard => {
    const ports = listeners.map(Number).filter(Number.isInteger);
    return {
      rule,
      listener: 'virtualInbound',
      place: envoyFilterFile,
      ports,
      getsAllPorts: ports.length === 0,
    };
  });
  return { guards, ports: [], appPorts: [] };
}

/** Whether the kubelet's probes of the app come through Envoy: Istio's injector usually has its own container ask for them. */
export function probesMeetEnvoy(template: JsonObject): boolean {
  const said = stringAt(annotationsOf(template), istioKeys.rewritesProbes);
  return said !== undefined && falses.includes(said);
}

/** Whether Prometheus asks the app itself, and not Istio's agent, which otherwise asks it from within the pod. */
export function scrapesMeetEnvoy(template: JsonObject): boolean {
  const said = stringAt(annotationsOf(template), istioKeys.mergesMetrics);
  return said !== undefined && falses.includes(said);
}

/** As Istio reads one. @see strconv.ParseBool */
const falses: readonly string[] = ['0', 'f', 'F', 'false', 'FALSE', 'False'];
