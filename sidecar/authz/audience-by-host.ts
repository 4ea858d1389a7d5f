/** Which audience a request's token is for, by its host. */
import type { Rule } from '../config/settings.ts';

type InjectRule = Extract<Rule, { mode: 'inject' }>;

/** Hosts whose answer is remembered; a caller that invents more only loses the shortcut. */
const maxRemembered = 256;

/**
 * First the exact host, then the longest `*.suffix`, then the rule's audience; undefined: no token is meant to go there.
 * Hosts are compared in lower case, without port and without a closing dot, unless a key itself names a port.
 */
export function audienceByHost(rule: InjectRule): (host: string) => string | undefined {
  const entries = Object.entries(rule.audienceByHost ?? {});
  if (entries.length === 0) return () => rule.audience;
  const named = entries.map(([key, audience]) => [key.toLowerCase(), audience] as const);
  const exact = new Map(named.filter(([key]) => !key.startsWith('*.')));
  const suffixes = named
    .filter(([key]) => key.startsWith('*.'))
    .map(([key, audience]) => [key.slice(1), audience] as const)
    .sort(([a], [b]) => b.length - a.length);
  const find = (raw: string): string | undefined => {
    const full = raw.toLowerCase();
    const host = bareHost(full);
    const suffix = hostName.test(host)
      ? suffixes.find(([end]) => host.length > end.length && host.endsWith(end))
      : undefined;
    return exact.get(full) ?? exact.get(host) ?? suffix?.[1] ?? rule.audience;
  };
  return remember(find);
}

/** A host, or an IPv6 literal in brackets, and perhaps a port: digits. */
const withPort = /^(\[[^\]]*\]|[^:]*)(?::[0-9]*)?$/;
/** What a name under a suffix may consist of, as DNS and certificates have it. */
const hostName = /^[a-z0-9._-]+$/;

/** Takes a port and a closing dot away; an IPv6 literal keeps its brackets. What has no such form stays as it is. */
function bareHost(full: string): string {
  const [, host] = withPort.exec(full) ?? [];
  if (host === undefined) return full;
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function remember(find: (host: string) => string | undefined): typeof find {
  const known = new Map<string, string | undefined>();
  return (host) => {
    if (known.has(host)) return known.get(host);
    const audience = find(host);
    if (known.size < maxRemembered) known.set(host, audience);
    return audience;
  };
}
