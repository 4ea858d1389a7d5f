/** What of a pod, or of what is asked for, does not go with an Envoy that istiod configures; and what goes past that Envoy. */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperPorts } from '../../sidecar/config/helper-contract.ts';
import { shortList } from '../envoy/short-list.ts';
import { envoyFilterKind, istioContainer, type IstioPlan } from '../istio/istio-plan.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import { substitute, type Variables } from '../templates/substitute.ts';
import type { Fragment } from '../templates/template-schema.ts';
import {
  annotationsOf,
  isAmbient,
  istioKeys,
  keyOfNoInterception,
  proxyIn,
  proxylessTemplate,
  refusesIstio,
  startedAs,
} from './istio-marks.ts';
import { inboundCapture, isPort } from './istio-ports.ts';
import type { Trace } from './trace.ts';

export interface AskedOfIstio {
  readonly fragments: readonly Fragment[];
  readonly variables: Variables;
  /** Whether the cluster knows EnvoyFilters; undefined: it is assumed. */
  readonly hasEnvoyFilters: boolean | undefined;
}

function unfit(message: string, key?: string): AppError {
  return new AppError('ISTIO_UNFIT', message, key === undefined ? {} : { facts: { key } });
}

/** A pod of the ambient mode has no Envoy of its own, and one that Istio leaves alone gets none. @throws {AppError} ISTIO_UNFIT */
export function refuseWithoutProxy(template: JsonObject, hint: string | undefined): void {
  if (isAmbient(template))
    throw unfit(
      `label ${istioKeys.dataplaneMode}: ambient: the pod has no Envoy of its own there, and only HTTP requests that pass one can carry or need a token; have Istio inject a sidecar instead (label ${istioKeys.inject}: "true", and ${istioKeys.dataplaneMode}: none)`,
      istioKeys.dataplaneMode,
    );
  if (hint === istioContainer && proxyIn(template) === undefined && refusesIstio(template))
    throw unfit(
      `annotation ${annotationKey('envoy-container')} waits for ${istioContainer}, and ${istioKeys.inject}: "false" keeps Istio from bringing it; remove one of the two`,
      istioKeys.inject,
    );
}

/** @throws {AppError} ISTIO_UNFIT, LISTENERS_AMBIGUOUS, ANNOTATION_INVALID */
export function refuseIstioUnfit(template: JsonObject, plan: IstioPlan, asked: AskedOfIstio): void {
  if (asked.hasEnvoyFilters === false)
    throw unfit(
      `Istio configures this pod's Envoy, and is told of our filters by an ${envoyFilterKind.kind}, which this cluster does not know (there is no CustomResourceDefinition ${envoyFilterKind.crd}); install Istio's CRDs, or take the templates off this pod`,
    );
  const proxy = proxyIn(template);
  if (proxy !== undefined && startedAs(proxy) === 'waypoint')
    throw unfit(
      `container "${istioContainer}" is a waypoint, and Istio takes no ${envoyFilterKind.kind} for one; ask for templates on a sidecar or a gateway`,
    );
  const without = proxylessTemplate(template);
  if (without !== undefined)
    throw unfit(
      `annotation ${istioKeys.templates}: ${without} brings no Envoy (the app speaks to istiod itself), so nothing would add or validate a token; have Istio inject a sidecar instead`,
      istioKeys.templates,
    );
  refuseBootstrap(asked.fragments);
  if (plan.role === 'sidecar') refuseCapture(template, asked);
  refuseListeners(plan, asked);
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
  const key = istioKeys.includeInboundPorts;
  const capture = inboundCapture(template);
  if (capture === undefined)
    throw unfit(
      `annotation ${key} is neither "*" nor a list of ports, so what reaches Envoy cannot be told; correct it`,
      key,
    );
  if (capture.kind === 'all') return;
  const helpers = helperPorts.find((port) => capture.ports.includes(String(port)));
  if (helpers !== undefined)
    throw unfit(
      `annotation ${key} leads port ${helpers} of the auth helper into Envoy, where the kubelet's probes would need a certificate and a token; take it off the list`,
      key,
    );
  if (capture.ports.length === 0 && validates(asked))
    throw unfit(
      `annotation ${key} is empty, so no request reaches Envoy and none would be validated; remove it, or name the app's ports`,
      key,
    );
}

type TemplateFilter = NonNullable<Fragment['envoy']>['filters'][number];

function filtersOf({ fragments }: Pick<AskedOfIstio, 'fragments'>): readonly TemplateFilter[] {
  return fragments.flatMap(({ envoy }) => envoy?.filters ?? []);
}

function validates(asked: AskedOfIstio): boolean {
  return filtersOf(asked).some(
    ({ direction, onlyRefuses }) => direction === 'inbound' && !onlyRefuses,
  );
}

/** Undefined where all are meant. */
function listenersOf(
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
    const strange = (names ?? []).find((name) => isStrange(name, role === 'sidecar' && isInbound));
    if (strange !== undefined)
      throw new AppError(
        'ANNOTATION_INVALID',
        `annotation ${key}: "${strange}" names no listener of ${istioContainer}; write the port of the app's container, such as 8080, or *`,
        { facts: { key } },
      );
  }
}

/** Inbound, a name that istiod does not use would leave all open, and nothing would tell. */
function isStrange(name: string, isInboundOfSidecar: boolean): boolean {
  if (/^\d+$/.test(name)) return !isPort(name);
  return isInboundOfSidecar && name !== 'virtualInbound';
}

/** Tells of what passes without our filters. */
export function tellOfIstio(
  template: JsonObject,
  plan: IstioPlan,
  { asked, trace }: { readonly asked: AskedOfIstio; readonly trace: Trace },
): void {
  const sentences = [
    ...(plan.role === 'sidecar' && validates(asked) ? pastInbound(template, asked) : []),
    ...outboundOf(template, plan, asked),
  ];
  for (const { message, key } of sentences) trace.warn('envoy_warning', message, key);
}

interface Told {
  readonly message: string;
  readonly key?: string;
}

function pastInbound(template: JsonObject, asked: AskedOfIstio): readonly Told[] {
  const told: Told[] = [];
  const capture = inboundCapture(template);
  if (capture?.kind === 'all' && capture.but.length > 0)
    told.push({
      key: istioKeys.excludeInboundPorts,
      message: `annotation ${istioKeys.excludeInboundPorts}: requests to ${portsText(capture.but)} go past Envoy, so nobody asks for a token there; take off what needs one`,
    });
  if (capture?.kind === 'some')
    told.push({
      key: istioKeys.includeInboundPorts,
      message: `annotation ${istioKeys.includeInboundPorts}: only ${portsText(capture.ports)} leads through Envoy, so nobody asks for a token on the pod's other ports; remove the annotation if some of them need one`,
    });
  const interfaces = stringAt(annotationsOf(template), istioKeys.excludeInterfaces) ?? '';
  if (interfaces.trim() !== '')
    told.push({
      key: istioKeys.excludeInterfaces,
      message: `annotation ${istioKeys.excludeInterfaces}: requests that come in by ${interfaces} go past Envoy, so nobody asks for a token there; remove the annotation`,
    });
  const uncaught = keyOfNoInterception(template);
  if (uncaught !== undefined)
    told.push({
      key: uncaught,
      message: `annotation ${uncaught}: interception mode NONE leaves connections to the app alone: only those to listeners of a Sidecar resource meet Envoy, and nobody asks for a token elsewhere; have the app listen on 127.0.0.1`,
    });
  return [...told, ...undeclared(template, asked)];
}

function portsText(ports: readonly string[]): string {
  return `port${ports.length === 1 ? '' : 's'} ${shortList(ports)}`;
}

/** A Service's port in place of the container's would leave the app open, and nothing would tell. */
function undeclared(template: JsonObject, asked: AskedOfIstio): readonly Told[] {
  const spec = objectAt(template, 'spec');
  const declared = new Set(
    [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
      .filter(isObject)
      .flatMap((container) => listAt(container, 'ports').filter(isObject))
      .flatMap(({ containerPort: port }) => (typeof port === 'number' ? [String(port)] : [])),
  );
  const chosen = filtersOf(asked)
    .filter(({ direction }) => direction === 'inbound')
    .flatMap((filter) => listenersOf(filter, asked) ?? []);
  const key = annotationKey('validate-listeners');
  return [...new Set(chosen)]
    .filter((name) => isPort(name) && !declared.has(name))
    .map((name) => ({
      key,
      message: `annotation ${key} names port ${name}, which no container declares: it must be the port that the app listens on, not the Service's, or the app's requests need no token`,
    }));
}

function outboundOf(
  template: JsonObject,
  { role }: IstioPlan,
  asked: AskedOfIstio,
): readonly Told[] {
  const outbound = filtersOf(asked).filter(({ direction }) => direction === 'outbound');
  if (outbound.length === 0) return [];
  const isShared = outbound.some(
    ({ oneAudienceForAllHosts: one }) => substitute(one, asked.variables) === true,
  );
  const told: Told[] = isShared ? [sharedToken()] : [];
  return role === 'gateway' ? told : [...told, ...pastOutbound(template)];
}

function sharedToken(): Told {
  const key = annotationKey('audience-by-host');
  return {
    key,
    message: `every HTTP request that leaves through ${istioContainer} gets a token of the same audience, whichever service it is for, and in plain text where that is not in the mesh: each of them can use it at the others; name hosts in ${key}`,
  };
}

/** With the value by which each of them changes nothing. */
const outboundKeys: readonly (readonly [string, string])[] = [
  [istioKeys.excludeOutboundPorts, ''],
  [istioKeys.excludeOutboundRanges, ''],
  [istioKeys.includeOutboundRanges, '*'],
];

function pastOutbound(template: JsonObject): readonly Told[] {
  const annotations = annotationsOf(template);
  const set = outboundKeys
    .filter(([key, usual]) => (stringAt(annotations, key) ?? usual).trim() !== usual)
    .map(([key]) => key);
  const past = set.map((key) => ({
    key,
    message: `annotation ${key} leads requests past Envoy, which then carry no token; take off what needs one`,
  }));
  const key = keyOfNoInterception(template);
  if (key === undefined) return past;
  const message = `annotation ${key}: interception mode NONE leaves what the app sends alone: only requests to ports of Envoy's own get a token`;
  return [...past, { key, message }];
}
