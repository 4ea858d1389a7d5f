/** Hosts that routes rewrite, for a rule that goes by hosts: it sees the host before the router changes it. */
import { addressesOf } from './cluster-transport.ts';
import type { KnownCluster } from './clusters.ts';
import { lineIn } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './contract.ts';
import { titleOf, type Listener } from './listener.ts';
import { type Placed, messageOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { isOn, isSet } from './proto-scalar.ts';
import { type RouteEntry, routeTreeOf } from './route-tree.ts';

/** One way in which a request gets another host behind our filter. */
interface Rewrite extends Placed {
  /** The new host; undefined where each request has its own. */
  readonly host: string | undefined;
  /** Where it comes from then, as in `the header "x-host"`. */
  readonly from: string;
}

/** Warnings about hosts that the rule names and no request carries yet when the rule sees it. */
export function checkHosts(
  addition: FilterAddition,
  listener: Listener,
  byName: ReadonlyMap<string, KnownCluster>,
): readonly EnvoyWarning[] {
  const named = addition.hosts ?? [];
  if (named.length === 0) return [];
  const routes = listener.managers.flatMap((manager) => routeTreeOf(manager).routes);
  const told = new Map<string, EnvoyWarning>();
  for (const route of routes) {
    for (const rewrite of rewritesOf(route, byName)) {
      const message = sentence({ addition, listener, route, rewrite });
      const key = rewrite.host ?? rewrite.from;
      if (message !== undefined && !told.has(key)) told.set(key, { id: 'host_rewritten', message });
    }
  }
  return [...told.values()];
}

function rewritesOf(
  { action }: RouteEntry,
  clusters: ReadonlyMap<string, KnownCluster>,
): readonly Rewrite[] {
  if (action === undefined) return [];
  const weighted = placedField(action, 'weighted_clusters');
  const weights = weighted === undefined ? [] : repeatedOf(weighted, 'clusters');
  const header = textOf(action.message, 'host_rewrite_header');
  const isByPath = isSet(action.message, 'host_rewrite_path_regex');
  const formatted = textOf(action.message, 'host_rewrite');
  const isFixed = formatted !== undefined && !formatted.includes('%');
  return [
    ...[action, ...weights].flatMap((place) =>
      to(place, textOf(place.message, 'host_rewrite_literal')),
    ),
    ...(isFixed ? to(action, formatted) : []),
    ...(formatted === undefined || isFixed ? [] : from(action, `the format "${formatted}"`)),
    ...(header === undefined ? [] : from(action, `the header "${header}"`)),
    ...(isByPath ? from(action, 'the path') : []),
    ...(isOn(action.message, 'auto_host_rewrite')
      ? hostsOfClusters([action, ...weights], clusters).flatMap((host) => to(action, host))
      : []),
  ];
}

function to(place: Placed, host: string | undefined): readonly Rewrite[] {
  return host === undefined || host === '' ? [] : [{ ...place, host, from: '' }];
}

function from(place: Placed, source: string): readonly Rewrite[] {
  return [{ ...place, host: undefined, from: source }];
}

/** What `auto_host_rewrite` takes: the name of the endpoint that a request goes to. */
function hostsOfClusters(
  places: readonly Placed[],
  clusters: ReadonlyMap<string, KnownCluster>,
): readonly string[] {
  return places
    .map(({ message }) => textOf(message, 'cluster') ?? textOf(message, 'name') ?? '')
    .flatMap((name) => clusters.get(name) ?? [])
    .flatMap(({ message }) => addressesOf(message))
    .flatMap((address) => textOf(messageOf(address, 'socket_address'), 'address') ?? []);
}

function sentence(found: {
  readonly addition: FilterAddition;
  readonly listener: Listener;
  readonly route: RouteEntry;
  readonly rewrite: Rewrite;
}): string | undefined {
  const { addition, listener, route, rewrite } = found;
  const { rule, hosts = [] } = addition;
  const { host } = rewrite;
  const domains = route.domains.map((domain) => `"${domain}"`).join(', ');
  const start = `${lineIn(route.file, rewrite.path)}: this route of listener ${titleOf(listener)} rewrites the host`;
  const seen = `${rule} goes by the host that the app sends (its virtual host is for ${domains})`;
  if (host === undefined) {
    return `${start} by ${rewrite.from} after ${rule} has seen the request; ${seen}: name that host in svidecar.dev/audience-by-host, not the one that ${rewrite.from} gives`;
  }
  const named = hosts.filter((pattern) => meets(pattern, host));
  const sent = named.filter((pattern) => !route.domains.some((domain) => meets(pattern, domain)));
  if (sent.length > 0) {
    return `${start} to "${host}" after ${rule} has seen the request; ${seen}, so ${sent.join(', ')} in svidecar.dev/audience-by-host does nothing for a request that the app sends to another host: name the host that the app sends`;
  }
  const leaving = hosts.filter(
    (pattern) =>
      !named.includes(pattern) && route.domains.some((domain) => overlap(pattern, domain)),
  );
  if (leaving.length === 0) return undefined;
  return `${start} to "${host}" after ${rule} has given it the token for ${leaving.join(', ')}: if that is another service, it can use the token where it is accepted; give such requests a route without the rewrite, or take the host out of svidecar.dev/audience-by-host`;
}

/** Whether requests to a domain of a virtual host (`*`, `*.suffix`, `prefix.*`, or a host) can be to a host of the pattern. */
function overlap(pattern: string, domain: string): boolean {
  if (domain.startsWith('*')) {
    const suffix = domain.slice(1).toLowerCase();
    const wanted = pattern.replace(/^\*/, '').toLowerCase();
    return wanted.endsWith(suffix) || (pattern.startsWith('*') && suffix.endsWith(wanted));
  }
  if (domain.endsWith('*')) {
    return (
      pattern.startsWith('*') || pattern.toLowerCase().startsWith(domain.slice(0, -1).toLowerCase())
    );
  }
  return meets(pattern, domain);
}

/** Whether a host, or a domain of a virtual host, is one that a pattern of `audience-by-host` names. */
function meets(pattern: string, host: string): boolean {
  const wanted = pattern.toLowerCase();
  const given = host.toLowerCase();
  const bare = given.replace(/:\d+$/, '');
  if (wanted.startsWith('*.')) return bare.endsWith(wanted.slice(1));
  return wanted === given || wanted === bare;
}
