/** The Envoy that a template brings: what its configuration is rendered from. */
import { AppError } from '#kernel/errors.ts';
import { isArray, stringAt } from '#kernel/json.ts';
import { shortList } from '../envoy/short-list.ts';
import { versionOfImage, versionText } from '../envoy/envoy-version.ts';
import type { EnvoyAdditions, FilterAddition } from '../envoy/patch-contract.ts';
import { inboundName, proxyContainer, upstreamName, type ProxyPlan } from '../proxy/proxy-plan.ts';
import { renderProxy } from '../proxy/render-proxy.ts';
import { annotationKey, type SettingKey } from '../request/metadata-keys.ts';
import { proxySchema } from '../request/proxy-schema.ts';
import type { NamedTemplate } from '../templates/library.ts';
import { substitute, substituteText, type Variables } from '../templates/substitute.ts';
import type { Fragment } from '../templates/template-schema.ts';
import type { ConfigMapContents } from './config-map-contents.ts';
import type { NameHashOf } from './hash.ts';
import { derivedNameBy } from './plan-name.ts';
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
    /** For names of ConfigMaps. */
    readonly nameHashOf: NameHashOf;
  },
): OwnEnvoy | undefined {
  const own = fragments.map(({ envoy }) => envoy?.own).find((each) => each !== undefined);
  if (own === undefined) return undefined;
  const { templates, values, variables, nameHashOf } = facts;
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
    plan: { ...plan, derived: derivedNameBy(plan)(nameHashOf) },
  };
}

function unsaid(): AppError {
  return invalid(
    'inbound',
    `an Envoy needs ${annotationKey('inbound')} or ${annotationKey('upstreams')}`,
  );
}

export function invalid(key: SettingKey, message: string): AppError {
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

/** @throws {AppError} ANNOTATION_INVALID for ports of an Envoy that no template brings */
export function refuseUnusedPorts(settings: Readonly<Partial<Record<SettingKey, unknown>>>): void {
  for (const key of ['inbound', 'upstreams', 'access-log'] as const)
    if (settings[key] !== undefined)
      throw invalid(
        key,
        `annotation ${annotationKey(key)} is for the Envoy of the template envoy, which is not asked for; add envoy to the templates, or remove the annotation`,
      );
}
