/** What of a pod, or of what is asked for, does not go with an Envoy that istiod configures. */
import { AppError } from '#kernel/errors.ts';
import { isArray, objectAt, type JsonObject } from '#kernel/json.ts';
import { shortened } from '#kernel/text.ts';
import { helperPorts } from '../../sidecar/config/helper-contract.ts';
import { shortList } from '../envoy/short-list.ts';
import { envoyFilterKind, istioContainer, type IstioPlan } from '../istio/istio-plan.ts';
import { istioInjectKey, istioWish } from '../istio/istio-wish.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import { substitute, type Variables } from '../templates/substitute.ts';
import type { Fragment } from '../templates/template-schema.ts';
import { isAmbient, istioKeys, proxyIn, proxylessTemplate, startedAs } from './istio-marks.ts';
import { captureSetting, inboundCapture, isPort, strangeItem } from './istio-ports.ts';

export interface AskedOfIstio {
  readonly fragments: readonly Fragment[];
  readonly variables: Variables;
  /** Whether the cluster knows EnvoyFilters; undefined: it is assumed. */
  readonly hasEnvoyFilters: boolean | undefined;
}

function unfit(message: string, key?: string): AppError {
  return new AppError('ISTIO_UNFIT', message, key === undefined ? {} : { facts: { key } });
}

/** A pod of the ambient mode has no Envoy of its own. @throws {AppError} ISTIO_UNFIT */
export function refuseAmbient(template: JsonObject): void {
  if (!isAmbient(template)) return;
  throw unfit(
    `label ${istioKeys.dataplaneMode}: ambient: the pod has no Envoy of its own there, and only HTTP requests that pass one can carry or need a token; have Istio inject a sidecar instead (label ${istioInjectKey}: "true", and ${istioKeys.dataplaneMode}: none)`,
    istioKeys.dataplaneMode,
  );
}

/** For a pod that Istio's container is not in. @param asker what needs it @throws {AppError} ISTIO_UNFIT */
export function refuseTurnedOff(template: JsonObject, asker: string): void {
  const { kind, unsure } = istioWish(template);
  if (kind !== 'off') return;
  const told =
    unsure === undefined
      ? `${istioInjectKey}: "false" keeps Istio from injecting "${istioContainer}", which was asked for`
      : `${istioInjectKey}: "${shortened(unsure)}" keeps older releases of Istio from injecting "${istioContainer}", which was asked for, and others ignore it`;
  throw unfit(`${told}; remove it, or ${asker}`, istioInjectKey);
}

/** @throws {AppError} ISTIO_UNFIT, LISTENERS_AMBIGUOUS, ANNOTATION_INVALID */
export function refuseIstioUnfit(template: JsonObject, plan: IstioPlan, asked: AskedOfIstio): void {
  if (asked.hasEnvoyFilters === false)
    throw unfit(
      `Istio configures this pod's Envoy, and is told of our filters by an ${envoyFilterKind.kind}, which this cluster does not know (there is no CustomResourceDefinition ${envoyFilterKind.crd}); install Istio's CRDs, or take the templates off this pod`,
    );
  refuseProxies(template, envoyFilterKind.kind);
  refuseBootstrap(asked.fragments);
  if (plan.role === 'sidecar') refuseCapture(template, asked);
  refuseListeners(plan, asked);
}

/** The same for templates that write nothing into Envoy, because a policy has Istio ask the helper. @throws {AppError} ISTIO_UNFIT */
export function refusePolicyUnfit(
  template: JsonObject,
  plan: IstioPlan,
  asked: AskedOfIstio,
): void {
  refuseProxies(template, 'AuthorizationPolicy by labels');
  if (plan.role === 'sidecar') refuseCapture(template, asked);
}

/** @param needed what Istio has to take for that proxy */
function refuseProxies(template: JsonObject, needed: string): void {
  const proxy = proxyIn(template);
  if (proxy !== undefined && startedAs(proxy) === 'waypoint')
    throw unfit(
      `container "${istioContainer}" is a waypoint, and Istio takes no ${needed} for one; ask for templates on a sidecar or a gateway`,
    );
  const without = proxylessTemplate(template);
  if (without !== undefined)
    throw unfit(
      `annotation ${istioKeys.templates}: ${without.name} ${without.why}, so nothing would add or validate a token; have Istio inject a sidecar instead`,
      istioKeys.templates,
    );
}

/** Istio's own bootstrap has these already. */
const istiosOwn = new Set(['id', 'cluster']);

function refuseBootstrap(fragments: readonly Fragment[]): void {
  for (const { envoy } of fragments) {
    const bootstrap = envoy?.bootstrap ?? {};
    const others = Object.keys(bootstrap).filter((name) => name !== 'node');
    const more = Object.keys(objectAt(bootstrap, 'node')).filter((name) => !istiosOwn.has(name));
    const first = [...others, ...more.map((name) => `node.${name}`)][0];
    if (first !== undefined)
      throw unfit(
        `a template wants ${first} in Envoy's bootstrap, which Istio writes and an ${envoyFilterKind.kind} of ours does not change; leave it out of the template, or use the template beside an Envoy of your own`,
      );
  }
}

function refuseCapture(template: JsonObject, asked: AskedOfIstio): void {
  refuseLists(template);
  const capture = inboundCapture(template);
  const { from, key } = capture.by;
  if (capture.kind === 'unreadable')
    throw unfit(
      `${from} is neither "*" nor a list of ports, so what reaches Envoy cannot be told; correct it`,
      key,
    );
  if (capture.kind === 'all') return;
  const helpers = helperPorts.find((port) => capture.ports.includes(String(port)));
  if (helpers !== undefined)
    throw unfit(
      `${from} leads port ${helpers} of the auth helper into Envoy, where the kubelet's probes would need a certificate and a token; take it off the list`,
      key,
    );
  if (capture.ports.length === 0 && (validates(asked) || bansOf(asked).length > 0))
    throw unfit(
      `${from} is empty, so no request reaches Envoy and none would be ${validates(asked) ? 'validated' : 'refused'}; ${key === undefined ? `name the app's ports in the annotation ${istioKeys.includeInboundPorts}` : "remove it, or name the app's ports"}`,
      key,
    );
}

/** Istio's injector refuses a pod with such a list, and its CNI plugin a pod's network. */
function refuseLists(template: JsonObject): void {
  for (const name of ['excludeInboundPorts', 'excludeOutboundPorts'] as const) {
    const { value = '', from = '', key } = captureSetting(template, name) ?? {};
    const strange = strangeItem(value);
    if (strange !== undefined)
      throw unfit(
        `${from}: "${shortened(strange)}" is no port, and Istio refuses a pod with such a list; write single ports with commas between them, such as 8080,9090`,
        key,
      );
  }
}

type TemplateFilter = NonNullable<Fragment['envoy']>['filters'][number];

export function filtersOf({
  fragments,
}: Pick<AskedOfIstio, 'fragments'>): readonly TemplateFilter[] {
  return fragments.flatMap(({ envoy }) => envoy?.filters ?? []);
}

/** Whether Istio asks the helper by a policy of its own: its provider names no rule. */
export function isAskedByPolicy({ fragments }: Pick<AskedOfIstio, 'fragments'>): boolean {
  return fragments.some(({ helperRule = {} }) => helperRule['takesUnnamed'] === true);
}

export function validates(asked: AskedOfIstio): boolean {
  return (
    isAskedByPolicy(asked) ||
    filtersOf(asked).some(({ direction, onlyRefuses }) => direction === 'inbound' && !onlyRefuses)
  );
}

/** Rules of filters that only ever refuse what comes in. */
export function bansOf(asked: AskedOfIstio): readonly string[] {
  const bans = filtersOf(asked).filter(
    ({ direction, onlyRefuses }) => direction === 'inbound' && onlyRefuses,
  );
  return [...new Set(bans.map(({ rule }) => rule))];
}

/** Undefined where all are meant. */
export function listenersOf(
  { listeners = '*' }: TemplateFilter,
  { variables }: AskedOfIstio,
): readonly string[] | undefined {
  const chosen = substitute(listeners, variables) ?? '*';
  const names = (isArray(chosen) ? chosen : [chosen]).filter((name) => typeof name === 'string');
  return names.includes('*') ? undefined : names;
}

function refuseListeners({ role }: IstioPlan, asked: AskedOfIstio): void {
  const filters = filtersOf(asked);
  const directions = new Set(filters.map(({ direction }) => direction));
  for (const filter of filters) {
    const names = listenersOf(filter, asked);
    const isInbound = filter.direction === 'inbound';
    const key = annotationKey(isInbound ? 'validate-listeners' : 'inject-listeners');
    if (names === undefined && role === 'gateway' && directions.size > 1)
      throw new AppError(
        'LISTENERS_AMBIGUOUS',
        `a gateway's listeners are for what comes in and what goes out, and ${shortList([...new Set(filters.map(({ rule }) => rule))])} are asked for: name ports of its listeners in ${annotationKey('inject-listeners')} and ${annotationKey('validate-listeners')}`,
        { facts: { key } },
      );
    const strange = (names ?? []).find((name) => isStrange(name, isInbound ? role : undefined));
    if (strange !== undefined)
      throw new AppError(
        'ANNOTATION_INVALID',
        `annotation ${key}: "${shortened(strange)}" names no listener of ${istioContainer}; write ${role === 'gateway' ? "the port of the gateway's listener" : "the port of the app's container"}, such as 8080, or *`,
        { facts: { key } },
      );
  }
}

/**
 * Inbound, a name that istiod does not use would leave all open, and nothing would tell; and a gateway's port may have a second
 * listener, for QUIC, under a name of its own.
 * @param inboundAt undefined for what is outbound
 */
function isStrange(name: string, inboundAt: IstioPlan['role'] | undefined): boolean {
  if (/^\d+$/.test(name)) return !isPort(name);
  if (inboundAt === undefined) return false;
  return inboundAt === 'gateway' || name !== 'virtualInbound';
}
