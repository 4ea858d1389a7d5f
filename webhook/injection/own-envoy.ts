/** The Envoy that a template brings: what its configuration is rendered from, and what in the pod stands against it. */
import { AppError } from '#kernel/errors.ts';
import { isArray, isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperPorts } from '../../sidecar/config/helper-contract.ts';
import { shortList } from '../envoy/short-list.ts';
import { versionOfImage, versionText } from '../envoy/envoy-version.ts';
import type { EnvoyAdditions, FilterAddition } from '../envoy/patch-contract.ts';
import { istioContainer } from '../istio/istio-plan.ts';
import {
  inboundName,
  proxyContainer,
  proxyPorts,
  upstreamName,
  type ProxyPlan,
} from '../proxy/proxy-plan.ts';
import { renderProxy } from '../proxy/render-proxy.ts';
import { annotationKey, type SettingKey } from '../request/metadata-keys.ts';
import { proxySchema } from '../request/proxy-schema.ts';
import type { NamedTemplate } from '../templates/library.ts';
import { substitute, substituteText, type Variables } from '../templates/substitute.ts';
import type { Fragment } from '../templates/template-schema.ts';
import type { ConfigMapContents } from './config-map-contents.ts';
import { contentHash } from './hash.ts';
import { derivedNameBy } from './plan-name.ts';
import { envoysIn } from './reads/find-envoy.ts';
import type { EnvoyPlan } from './status.ts';

/** Beginning of the names of its ConfigMaps. */
const sourceName = 'envoy';

/** A plan without a source of the user's. */
export interface OwnEnvoy {
  readonly container: typeof proxyContainer;
  readonly image: string;
  readonly plan: EnvoyPlan;
}

/** Undefined where no template brings an Envoy. @throws {AppError} ANNOTATION_INVALID where it is not said what it is to do */
export function ownEnvoyOf(
  fragments: readonly Fragment[],
  facts: {
    readonly templates: readonly NamedTemplate[];
    readonly values: EnvoyPlan['values'];
    readonly variables: Variables;
  },
): OwnEnvoy | undefined {
  const own = fragments.map(({ envoy }) => envoy?.own).find((each) => each !== undefined);
  if (own === undefined) return undefined;
  const { templates, values, variables } = facts;
  const proxy = proxySchema.safeParse(variables['proxyPlan']);
  if (!proxy.success) throw unsaid();
  const image = stringAt(variables, 'envoyImage') ?? '';
  const version = versionOfImage(image);
  const plan = {
    source: sourceName,
    file: own.file,
    directory: substituteText(own.directory, variables),
    proxy: proxy.data,
    templates: templates.map(({ name }) => name),
    values,
    ...(version === undefined ? {} : { version: versionText(version) }),
  };
  refuseMisplaced(fragments, { proxy: proxy.data, variables });
  return {
    container: proxyContainer,
    image,
    plan: { ...plan, derived: derivedNameBy(plan)(contentHash) },
  };
}

function unsaid(): AppError {
  return invalid(
    'inbound',
    `an Envoy needs ${annotationKey('inbound')} or ${annotationKey('upstreams')}`,
  );
}

function invalid(key: SettingKey, message: string): AppError {
  return new AppError('ANNOTATION_INVALID', message, { facts: { key: annotationKey(key) } });
}

type Direction = FilterAddition['direction'];

/** Where a filter can go: not into what answers the kubelet, which has no token, and only the way that it is for. */
function httpListeners({ inbound, upstreams }: ProxyPlan, direction: Direction): readonly string[] {
  const isHttp = ({ protocol }: { readonly protocol: string }): boolean => protocol !== 'tcp';
  return direction === 'inbound'
    ? inbound.filter(isHttp).map(({ listen }) => inboundName(listen))
    : upstreams.filter(isHttp).map(({ listen }) => upstreamName(listen));
}

/** What goes into all listeners goes into those of its direction. */
export function keptToOwn(additions: EnvoyAdditions, proxy: ProxyPlan): EnvoyAdditions {
  const filters = additions.filters.map((filter) => {
    const { listeners, direction } = filter;
    return listeners === undefined || listeners.includes('*')
      ? { ...filter, listeners: httpListeners(proxy, direction) }
      : filter;
  });
  return { ...additions, filters };
}

/** @throws {AppError} ANNOTATION_INVALID where a filter would go nowhere, or the wrong way */
function refuseMisplaced(
  fragments: readonly Fragment[],
  { proxy, variables }: { readonly proxy: ProxyPlan; readonly variables: Variables },
): void {
  for (const filter of fragments.flatMap(({ envoy }) => envoy?.filters ?? [])) {
    const { rule, direction, listeners = '*' } = filter;
    const possible = httpListeners(proxy, direction);
    const key = direction === 'inbound' ? 'inbound' : 'upstreams';
    if (possible.length === 0)
      throw invalid(
        key,
        `template ${rule} has nothing to go into: ${annotationKey(key)} names no port for HTTP; add one, or leave the template out`,
      );
    const chosen = substitute(listeners, variables);
    const wrong = (isArray(chosen) ? chosen : [chosen])
      .filter((name) => typeof name === 'string')
      .find((name) => name !== '*' && !possible.includes(name));
    if (wrong !== undefined) throw wrongListener(filter, wrong, possible);
  }
}

function wrongListener(
  { rule, direction }: { readonly rule: string; readonly direction: Direction },
  name: string,
  possible: readonly string[],
): AppError {
  const isInbound = direction === 'inbound';
  const key = isInbound ? 'validate-listeners' : 'inject-listeners';
  const way = isInbound ? 'comes in' : 'goes out';
  return invalid(
    key,
    `annotation ${annotationKey(key)}: ${rule} is for what ${way}, and listener "${name}" of the injected Envoy is not for that; name some of ${possible.join(', ')}, or remove the annotation`,
  );
}

/** What the configuration of such a plan is made from; undefined for a plan with a source. */
export function ownSource({ proxy, file }: EnvoyPlan): ConfigMapContents | undefined {
  return proxy === undefined ? undefined : { data: { [file]: renderProxy(proxy) } };
}

/** @throws {AppError} ENVOY_PRESENT, ANNOTATION_INVALID where two would listen on one port */
export function refuseBesideOwn(spec: JsonObject, { container, plan }: OwnEnvoy): void {
  refuseSecondEnvoy(spec, container);
  if (plan.proxy !== undefined) refuseClashes(spec, container, plan.proxy);
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

/** Without an image it is completed by the template's. */
function isWhole({ image }: JsonObject): boolean {
  return image !== undefined && image !== '' && image !== 'auto';
}

/** Who listens on which port of the pod. */
function takenPorts(spec: JsonObject, own: string, { inbound }: ProxyPlan): Map<number, string> {
  const taken = new Map<number, string>();
  for (const { app } of inbound) taken.set(app, `the app (${annotationKey('inbound')})`);
  const containers = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
    .filter(isObject)
    .filter(({ name }) => name !== own);
  for (const container of containers)
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

/** Each upstream is a listener and a cluster of its own, so only all of them together show it. Undefined where each has its own. */
export function sharedAudience(
  { proxy, templates }: EnvoyPlan,
  variables: Variables,
): string | undefined {
  const called = proxy?.upstreams.filter(({ protocol }) => protocol === 'http') ?? [];
  const ids = [...new Set(called.map(({ spiffeId }) => spiffeId))];
  const isShared = templates.includes('jwt-inject') && variables['oneAudience'] === true;
  if (!isShared || ids.length < 2) return undefined;
  return `jwt-inject has one audience, and ${annotationKey('upstreams')} names ${shortList(ids)}: each of them gets a token that the others accept; remove the annotation that names the audience, so that each gets its own, or use ${annotationKey('audience-by-host')}`;
}

/** Ports of the app that containers show: whoever reaches one of them goes past Envoy. */
export function shownAppPorts(spec: JsonObject, { inbound }: ProxyPlan): readonly number[] {
  const shown = listAt(spec, 'containers').filter(isObject).flatMap(declaredPorts);
  return [...new Set(inbound.map(({ app }) => app))].filter((app) => shown.includes(app));
}

/** @throws {AppError} ANNOTATION_INVALID for ports of an Envoy that no template brings */
export function refuseUnusedPorts(settings: Readonly<Partial<Record<SettingKey, unknown>>>): void {
  for (const key of ['inbound', 'upstreams', 'access-log'] as const)
    if (settings[key] !== undefined)
      throw invalid(
        key,
        `annotation ${annotationKey(key)} is for the Envoy of the template envoy, which is not asked for; add envoy to the templates, or remove the annotation`,
      );
}
