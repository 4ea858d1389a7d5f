/** Hosts that routes rewrite, for a rule that goes by hosts: it sees the host before the router changes it. */
import type { AppError } from '#kernel/errors.ts';
import { addressesOf } from './cluster-transport.ts';
import type { KnownCluster } from './clusters.ts';
import { type ConfigFile, invalid, warningAt } from './config-file.ts';
import type { EnvoyWarning, FilterAddition } from './patch-contract.ts';
import { type HostPatterns, hostPatterns } from './host-patterns.ts';
import { titleOf, type Listener } from './listener.ts';
import { onceFor } from '#kernel/once.ts';
import { type Placed, messageOf, placedField, repeatedOf, textOf } from './proto-field.ts';
import { isOn, isSet } from './proto-scalar.ts';
import { type EnvoySurroundings, routesOf } from './reach.ts';
import { type RouteEntry } from './route-tree.ts';
import { mostNames, shortList } from './short-list.ts';

/** One way in which a request gets another host behind our filter. */
interface Rewrite extends Placed {
  /** The new host; undefined where each request has its own. */
  readonly host: string | undefined;
  /** Where it comes from then, as in `the header "x-host"`. */
  readonly from: string;
}

/** What is known of a rule's hosts: many routes share domains, and many listeners share routes. */
export interface Hosts {
  readonly patterns: HostPatterns;
  /** What the domains of a virtual host have to do with the rule's hosts. */
  readonly aboutDomains: (domains: readonly string[]) => AboutDomains;
  readonly endpointsOf: (cluster: string) => readonly string[];
  /** Sources of routes that were visited; filled. */
  readonly seen: Set<object>;
  /** Called with the number of comparisons ahead. @throws {AppError} ENVOY_CONFIG_INVALID where they are too many */
  readonly spend: (comparisons: number) => void;
}

interface AboutDomains {
  /** `"a.test", "b.test"` */
  readonly title: string;
  /** Places of the rule's hosts that a domain names. */
  readonly named: ReadonlySet<number>;
  /** Places of those that requests to a domain can be for, in order. */
  readonly possible: readonly number[];
}

/**
 * A host to which routes lead, or a pattern, is compared with each domain that has a wildcard, or with each route: some
 * hundred hosts and some thousand routes stay far under it.
 */
const maxComparisons = 500_000;

export function startHosts(
  { hosts = [] }: FilterAddition,
  { byName, main }: { readonly byName: EnvoySurroundings['byName']; readonly main: ConfigFile },
): Hosts {
  let left = maxComparisons;
  const spend = (comparisons: number): void => {
    left -= comparisons;
    if (left < 0) throw tooManyHosts(main);
  };
  const patterns = hostPatterns(hosts, spend);
  return {
    patterns,
    spend,
    seen: new Set(),
    aboutDomains: onceFor((domains) => aboutDomains(domains, patterns)),
    endpointsOf: onceFor((name) => endpointsOf(byName.get(name))),
  };
}

function tooManyHosts(main: ConfigFile): AppError {
  return invalid(main, '/static_resources/listeners', {
    reason: 'too_many_hosts',
    why: `the hosts of svidecar.dev/audience-by-host, the domains of virtual hosts and the hosts to which routes rewrite would take more than ${maxComparisons.toLocaleString('en')} comparisons; name fewer hosts (*.suffix stands for many), or divide the configuration`,
  });
}

function aboutDomains(domains: readonly string[], patterns: HostPatterns): AboutDomains {
  const named = new Set(domains.flatMap((domain) => patterns.naming(domain)));
  const possible = new Set(domains.flatMap((domain) => patterns.overlapping(domain)));
  return {
    title: shortList(domains.map((domain) => `"${domain}"`)),
    named,
    possible: [...possible].sort((left, right) => left - right),
  };
}

/** Warnings about hosts that the rule names but that no request carries yet when the rule sees it. */
export function checkHosts(
  addition: FilterAddition,
  listener: Listener,
  hosts: Hosts,
): readonly EnvoyWarning[] {
  if (hosts.patterns.all.length === 0) return [];
  const fresh = routesOf(listener).filter((source) => !hosts.seen.has(source));
  for (const source of fresh) hosts.seen.add(source);
  const byHost = new Map<string, EnvoyWarning>();
  for (const route of fresh.flatMap(({ routes }) => routes)) {
    for (const rewrite of rewritesOf(route, hosts)) {
      const key = rewrite.host ?? rewrite.from;
      if (byHost.has(key)) continue;
      const why = sentence({ addition, listener, route, rewrite, hosts });
      const at = { file: route.file, path: rewrite.path };
      if (why !== undefined) byHost.set(key, warningAt('host_rewritten', at, why));
    }
  }
  return [...byHost.values()];
}

function rewritesOf({ action }: RouteEntry, hosts: Hosts): readonly Rewrite[] {
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
      ? hostsOfClusters([action, ...weights], hosts).flatMap((host) => to(action, host))
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
  { endpointsOf, spend }: Hosts,
): readonly string[] {
  return places
    .map(({ message }) => textOf(message, 'cluster') ?? textOf(message, 'name') ?? '')
    .flatMap((name) => {
      const endpoints = endpointsOf(name);
      spend(endpoints.length);
      return endpoints;
    });
}

function endpointsOf(cluster: KnownCluster | undefined): readonly string[] {
  const addresses = cluster === undefined ? [] : addressesOf(cluster.message);
  const hosts = addresses.flatMap(
    (address) => textOf(messageOf(address, 'socket_address'), 'address') ?? [],
  );
  return [...new Set(hosts)];
}

function sentence(found: {
  readonly addition: FilterAddition;
  readonly listener: Listener;
  readonly route: RouteEntry;
  readonly rewrite: Rewrite;
  readonly hosts: Hosts;
}): string | undefined {
  const { addition, listener, route, rewrite, hosts } = found;
  const { rule } = addition;
  const { host } = rewrite;
  const domains = hosts.aboutDomains(route.domains);
  const start = `this route of listener ${titleOf(listener)} rewrites the host`;
  const seen = `${rule} goes by the host that the app sends (its virtual host is for ${domains.title})`;
  if (host === undefined) {
    return `${start} by ${rewrite.from} after ${rule} has seen the request; ${seen}: name that host in svidecar.dev/audience-by-host, not the one that ${rewrite.from} gives`;
  }
  const named = hosts.patterns.naming(host);
  const sent = named.filter((index) => !domains.named.has(index));
  if (sent.length > 0) {
    return `${start} to "${host}" after ${rule} has seen the request; ${seen}, so ${patternList(sent, hosts)} in svidecar.dev/audience-by-host does nothing for a request that the app sends to another host: name the host that the app sends`;
  }
  const leaving = leavingFor(domains.possible, new Set(named));
  if (leaving.length === 0) return undefined;
  const others = patternList(leaving, hosts, domains.possible.length - named.length);
  return `${start} to "${host}" after ${rule} has given it the token for ${others}: if that is another service, it can use the token where it is accepted; give such requests a route without the rewrite, or take the host out of svidecar.dev/audience-by-host`;
}

/** Possible hosts other than the new one, as many as a message names. */
function leavingFor(possible: readonly number[], named: ReadonlySet<number>): readonly number[] {
  return possible.slice(0, mostNames + named.size).filter((index) => !named.has(index));
}

function patternList(indexes: readonly number[], { patterns }: Hosts, count?: number): string {
  return shortList(
    indexes.map((index) => patterns.all[index] ?? ''),
    count,
  );
}
