/** What in a pod stands against the Envoy that a template brings, and what beside it goes otherwise than it looks. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperPorts } from '../../sidecar/config/helper-contract.ts';
import { istioContainer } from '../istio/istio-plan.ts';
import {
  drainS,
  healthPortName,
  inboundName,
  proxyPorts,
  type ProxyPlan,
} from '../proxy/proxy-plan.ts';
import { annotationKey, type SettingKey } from '../request/metadata-keys.ts';
import { asksIstio, isAmbient, istioKeys } from './istio-marks.ts';
import { invalid, type OwnEnvoy } from './own-envoy.ts';
import { graceOf } from './fit.ts';
import { uncertifiedProbes } from './probes.ts';
import { envoysIn } from './reads/find-envoy.ts';
import type { Trace } from './trace.ts';

/** @throws {AppError} ENVOY_PRESENT, ANNOTATION_INVALID, POD_UNFIT where two would listen on one port, or have one name for theirs */
export function refuseBesideOwn(
  spec: JsonObject,
  { container, plan }: OwnEnvoy,
  { hasHelper }: { readonly hasHelper: boolean },
): void {
  refuseSecondEnvoy(spec, container);
  if (plan.proxy === undefined) return;
  if (hasHelper) refuseHelperAsApp(plan.proxy);
  refuseClashes(spec, container, plan.proxy);
  refuseTakenNames(spec, container, plan.proxy);
  refuseForbiddenPorts(spec, plan.proxy);
}

/** What comes in would reach the helper, which listens there. */
function refuseHelperAsApp({ inbound }: ProxyPlan): void {
  const own: readonly number[] = helperPorts;
  const found = inbound.find(({ app }) => own.includes(app));
  if (found !== undefined)
    throw invalid(
      'inbound',
      `annotation ${annotationKey('inbound')}: the app cannot listen on port ${found.app}, which is taken by the auth helper; choose another for the app`,
    );
}

function refuseSecondEnvoy(spec: JsonObject, own: string): void {
  const found = envoysIn(spec).find((each) => each['name'] !== own || isWhole(each));
  if (found === undefined) return;
  const name = stringAt(found, 'name') ?? '';
  const instead =
    name === istioContainer
      ? 'with Istio, its certificates come from SPIRE by the template istio-spire'
      : 'jwt-inject, jwt-validate and jwt-ban without it go into that Envoy';
  throw new AppError(
    'ENVOY_PRESENT',
    `container "${name}" is an Envoy already, and the template envoy is for pods without one: leave envoy out of the templates (${instead}), or remove the container`,
    { facts: { container: name } },
  );
}

/** Istio would bring a second one, or lead connections past both. @throws {AppError} ENVOY_PRESENT */
export function refuseBesideIstio(template: JsonObject, hint: string | undefined): void {
  if (hint !== istioContainer && !asksIstio(template) && !isAmbient(template)) return;
  throw new AppError(
    'ENVOY_PRESENT',
    `the pod is of an Istio mesh by its labels or annotations, and the template envoy is for pods without an Envoy of any kind: leave envoy out of the templates (with Istio, certificates come from SPIRE by the template istio-spire), or keep Istio away (label ${istioKeys.inject}: "false")`,
    { facts: { container: istioContainer } },
  );
}

/** Without an image it is completed by the template's. */
function isWhole({ image }: JsonObject): boolean {
  return image !== undefined && image !== '' && image !== 'auto';
}

/** Who listens on which port of the pod. */
function takenPorts(spec: JsonObject, own: string, { inbound }: ProxyPlan): Map<number, string> {
  const taken = new Map<number, string>();
  for (const { app } of inbound) taken.set(app, `the app (${annotationKey('inbound')})`);
  for (const container of othersIn(spec, own))
    for (const port of declaredPorts(container))
      taken.set(port, `container "${stringAt(container, 'name') ?? ''}"`);
  for (const port of helperPorts) taken.set(port, 'the auth helper');
  return taken;
}

/** Those of TCP. */
function declaredPorts(container: JsonObject): readonly number[] {
  return listAt(container, 'ports')
    .filter(isObject)
    .filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
    .map(({ containerPort }) => containerPort)
    .filter((port) => typeof port === 'number');
}

function refuseClashes(spec: JsonObject, own: string, proxy: ProxyPlan): void {
  const taken = takenPorts(spec, own, proxy);
  for (const port of Object.values(proxyPorts)) {
    const who = taken.get(port);
    if (who !== undefined)
      throw invalid(
        'inbound',
        `port ${port} is taken by ${who}, and the injected Envoy itself listens there; choose another for the app`,
      );
    taken.set(port, 'the injected Envoy itself');
  }
  for (const key of ['inbound', 'upstreams'] as const)
    for (const { listen } of proxy[key]) {
      const who = taken.get(listen);
      if (who !== undefined)
        throw invalid(
          key,
          `annotation ${annotationKey(key)}: Envoy cannot listen on port ${listen}, which is taken by ${who}; choose another`,
        );
      taken.set(listen, `annotation ${annotationKey(key)}`);
    }
}

function othersIn(spec: JsonObject, own: string): readonly JsonObject[] {
  return [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
    .filter(isObject)
    .filter(({ name }) => name !== own);
}

/** A Service that names a port gets the first container's that is called so, and Envoy's are the last. */
function refuseTakenNames(spec: JsonObject, own: string, { inbound }: ProxyPlan): void {
  const ours = new Set([healthPortName, ...inbound.map(({ listen }) => inboundName(listen))]);
  for (const container of othersIn(spec, own))
    for (const port of listAt(container, 'ports').filter(isObject)) {
      const name = stringAt(port, 'name') ?? '';
      if (!ours.has(name)) continue;
      const who = stringAt(container, 'name') ?? '';
      throw new AppError(
        'POD_UNFIT',
        `container "${who}" calls a port of its own "${name}", as the injected Envoy does: a Service that names it would lead past Envoy; give it another name`,
        { facts: { container: who } },
      );
    }
}

const firstFreePort = 1_024;
/** A sysctl that each pod has for itself. */
const unprivileged = 'net.ipv4.ip_unprivileged_port_start';

function lowPorts({ inbound, upstreams }: ProxyPlan): readonly (readonly [SettingKey, number])[] {
  return [
    ...inbound.map(({ listen }) => ['inbound', listen] as const),
    ...upstreams.map(({ listen }) => ['upstreams', listen] as const),
  ].filter(([, listen]) => listen < firstFreePort);
}

/** From which port on those may listen who are not root; undefined where the runtime of the node decides. */
function unprivilegedFrom(spec: JsonObject): number | undefined {
  const set = listAt(objectAt(spec, 'securityContext'), 'sysctls')
    .filter(isObject)
    .findLast(({ name }) => name === unprivileged);
  const text = stringAt(set ?? {}, 'value') ?? '';
  return /^\d{1,5}$/.test(text) ? Number(text) : undefined;
}

/** @throws {AppError} ANNOTATION_INVALID for a port that the pod itself keeps for root */
function refuseForbiddenPorts(spec: JsonObject, proxy: ProxyPlan): void {
  const from = unprivilegedFrom(spec);
  const [forbidden] = lowPorts(proxy).filter(([, listen]) => from !== undefined && listen < from);
  if (forbidden === undefined) return;
  const [key, listen] = forbidden;
  throw invalid(
    key,
    `annotation ${annotationKey(key)}: Envoy does not run as root and could not listen on port ${listen}, because the pod sets the sysctl ${unprivileged} to ${from ?? ''}; choose a port from ${from ?? firstFreePort} on, or set it to ${listen}`,
  );
}

/** @param isToldOfPorts whether nobody else tells of the app's open ports */
export function tellBesideOwn(
  spec: JsonObject,
  proxy: ProxyPlan,
  { trace, isToldOfPorts }: { readonly trace: Trace; readonly isToldOfPorts: boolean },
): void {
  if (!isToldOfPorts)
    for (const port of shownAppPorts(spec, proxy))
      trace.warn(
        'app_port_open',
        `the app's port ${port} is declared in the pod: if it listens on all addresses, anybody can call it past Envoy; have it listen on 127.0.0.1, or let a NetworkPolicy open Envoy's ports alone (svidecar render network-policy)`,
      );
  for (const sentence of uncertifiedProbes(spec, proxy.inbound))
    trace.warn('probe_without_certificate', sentence);
  tellOfLowPorts(spec, proxy, trace);
  tellOfGrace(spec, proxy, trace);
  tellOfInitContainers(spec, proxy, trace);
}

function tellOfLowPorts(spec: JsonObject, proxy: ProxyPlan, trace: Trace): void {
  if (unprivilegedFrom(spec) !== undefined) return;
  for (const [key, listen] of lowPorts(proxy))
    trace.warn(
      'port_needs_root',
      `Envoy does not run as root, and whether it may listen on port ${listen} is up to the node: containerd from 2.0 on and Docker let it, older ones and CRI-O do not unless they are configured so, and then it does not start; choose a port from ${firstFreePort} on, or have the pod set the sysctl ${unprivileged} to ${listen} (spec.securityContext.sysctls)`,
      annotationKey(key),
    );
}

function tellOfGrace(spec: JsonObject, { inbound }: ProxyPlan, trace: Trace): void {
  const graceS = graceOf(spec);
  if (inbound.length === 0 || graceS === undefined || graceS > drainS) return;
  trace.warn(
    'drain_cut_short',
    `terminationGracePeriodSeconds is ${graceS}, and Envoy needs ${drainS} s to send callers elsewhere before it ends, so requests break off when a pod ends; set it to more, with the time that the app itself needs`,
  );
}

/** They end before Envoy begins. */
function tellOfInitContainers(spec: JsonObject, { upstreams }: ProxyPlan, trace: Trace): void {
  for (const container of listAt(spec, 'initContainers').filter(isObject)) {
    if (container['restartPolicy'] === 'Always') continue;
    const name = stringAt(container, 'name') ?? '';
    const text = JSON.stringify(container);
    const called = upstreams.find(({ listen }) => namesLocal(text, listen));
    if (called !== undefined)
      trace.warn(
        'init_before_envoy',
        `init container "${name}" names 127.0.0.1:${called.listen}, where no Envoy is yet: init containers end before Envoy starts, and its calls fail; move what calls into the app's container`,
      );
  }
}

function namesLocal(text: string, port: number): boolean {
  return new RegExp(String.raw`\b(?:127\.0\.0\.1|localhost):${port}(?!\d)`).test(text);
}

/** Ports of the app that containers show: whoever reaches one of them goes past Envoy. */
function shownAppPorts(spec: JsonObject, { inbound }: ProxyPlan): readonly number[] {
  const shown = listAt(spec, 'containers').filter(isObject).flatMap(declaredPorts);
  return [...new Set(inbound.map(({ app }) => app))].filter((app) => shown.includes(app));
}
