/**
 * What Envoy's own filters need as settings in the data path `native`, and the helper works out by itself in the other one:
 * hosts, paths and callers as Envoy's matchers. All regular expressions are RE2 and must match the whole text.
 */
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { trustDomainText } from '#kernel/spiffe-id.ts';
import { callersOf } from '../../sidecar/config/caller-pattern.ts';
import { jwksPath, secretName } from '../../sidecar/config/helper-contract.ts';
import { spellingsOf } from '../../sidecar/config/header-spellings.ts';
import type { Variables } from '../templates/substitute.ts';

/** Lists among the variables, and the names that their members have after `each.`. */
export const memberNames: Readonly<Record<string, readonly string[]>> = {
  audienceHosts: ['host', 'secret'],
  callerHeaders: ['value'],
  callerSpellings: ['value'],
  callerTrustDomains: ['name', 'subjects', 'jwksPath'],
  pathsWithoutToken: ['matcher'],
  proxyInbound: ['name', 'port'],
};

/** @param tokens what the annotations say about tokens; with another data path all values are undefined */
export function nativeVariables(tokens: Variables): Variables {
  const isNative = tokens['dataPath'] === 'native';
  const values = isNative ? valuesOf(tokens) : {};
  return {
    injectSecret: undefined,
    audienceHosts: undefined,
    overwrites: undefined,
    callerTrustDomains: undefined,
    pathsWithoutToken: undefined,
    callerHeaders: undefined,
    callerSpellings: undefined,
    hasCallerHeader: undefined,
    forwards: undefined,
    ...values,
  };
}

function valuesOf(tokens: Variables): Record<string, Json | undefined> {
  const { injectAudience, requestedSpiffeId, callerHeader } = tokens;
  const spiffeId = typeof requestedSpiffeId === 'string' ? requestedSpiffeId : undefined;
  const secretFor = (audience: string): string => secretName(audience, spiffeId);
  const audience = typeof injectAudience === 'string' ? injectAudience : undefined;
  return {
    injectSecret: audience === undefined ? undefined : secretFor(audience),
    audienceHosts: hostsOf(tokens['audienceByHost'], audience).map(({ host, audience: meant }) => ({
      host,
      secret: secretFor(meant),
    })),
    overwrites: tokens['authorization'] === 'overwrite',
    callerTrustDomains: trustDomainsOf(textsOf(tokens['allowCallers'])),
    pathsWithoutToken: textsOf(tokens['skipPaths']).map((path) => ({ matcher: pathMatcher(path) })),
    callerHeaders: callerHeader === undefined ? [] : [callerHeader],
    callerSpellings: typeof callerHeader === 'string' ? spellingsOf(callerHeader).slice(1) : [],
    hasCallerHeader: callerHeader !== undefined,
    forwards: tokens['forwardToken'] !== false,
  };
}

function textsOf(value: Json | undefined): readonly string[] {
  return isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function quoted(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
}

interface HostAudience {
  readonly host: string;
  readonly audience: string;
}

/**
 * In order of precedence: hosts with a port, hosts, the longest suffix, all others. Hosts are compared ignoring
 * case, without port and without a trailing dot, unless the annotation names a port.
 */
function hostsOf(byHost: Json | undefined, audience: string | undefined): readonly HostAudience[] {
  const entries = Object.entries(isObject(byHost) ? byHost : {}).flatMap(([host, meant]) =>
    typeof meant === 'string' ? [{ host, audience: meant }] : [],
  );
  const isSuffix = ({ host }: HostAudience): boolean => host.startsWith('*.');
  const hasPort = ({ host }: HostAudience): boolean => host.includes(':');
  const exact = entries.filter((entry) => !isSuffix(entry));
  const suffixes = entries
    .filter(isSuffix)
    .sort((left, right) => right.host.length - left.host.length);
  const rest = audience === undefined ? [] : [{ host: '.*', audience }];
  const bare = (pattern: string): string => String.raw`(?i:${pattern}\.?(?::[0-9]*)?)`;
  return [
    ...exact.filter(hasPort).map((entry) => ({ ...entry, host: `(?i:${quoted(entry.host)})` })),
    ...exact
      .filter((entry) => !hasPort(entry))
      .map((entry) => ({ ...entry, host: bare(quoted(entry.host)) })),
    ...suffixes.map((entry) => ({
      ...entry,
      host: bare(`[a-z0-9._-]+${quoted(entry.host.slice(1))}`),
    })),
    ...rest,
  ];
}

function trustDomainsOf(callers: readonly string[]): readonly JsonObject[] {
  const byName = Map.groupBy(callers, trustDomainText);
  return [...byName].map(([name, own]) => ({
    name,
    subjects: subjectsOf(own),
    jwksPath: jwksPath(name),
  }));
}

/** One segment of a SPIFFE ID's path: letters, digits, `-_.`, but neither `.` nor `..` alone (SPIFFE-ID section 2.2). */
const segment = String.raw`(?:[A-Za-z0-9_-][A-Za-z0-9._-]*|\.[A-Za-z0-9_-][A-Za-z0-9._-]*|\.\.[A-Za-z0-9._-]+)`;

/** Of `sub`: IDs that are named, and those below one that is. */
function subjectsOf(callers: readonly string[]): string {
  const { ids, starts } = callersOf(callers);
  const below = `(?:${starts.map(quoted).join('|')})${segment}(?:/${segment})*`;
  return [...ids.map(quoted), ...(starts.length === 0 ? [] : [below])].join('|');
}

/** Of `:path`, which includes the query; the template itself must demand that the path is normalized. */
function pathMatcher(path: string): JsonObject {
  if (path.endsWith('*')) return { prefix: path.slice(0, -1) };
  return { safe_regex: { regex: String.raw`${quoted(path)}(?:\?.*)?` } };
}
