/** Which audience a request's token is for, by its host. */
import type { Rule } from '../config/settings.ts';
import { bareHost, isHostName } from './host-names.ts';

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
    const suffix = isHostName(host)
      ? suffixes.find(([end]) => host.length > end.length && host.endsWith(end))
      : undefined;
    return exact.get(full) ?? exact.get(host) ?? suffix?.[1] ?? rule.audience;
  };
  return remember(find);
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
