/** What the helper has and what it lacks, as health pages and metrics show it (pure). */
import type { LeftOutKey } from '../jwt/jwt-bundle.ts';
import type { Health } from '../server/health-server.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { SourceState } from './token-sources.ts';

/** Names from the downward API; they replace the placeholders in the advice about registration entries. */
export interface PodNames {
  readonly namespace?: string | undefined;
  readonly pod?: string | undefined;
  readonly serviceAccount?: string | undefined;
}

export interface HelperState {
  readonly tokens: readonly SourceState[];
  /** Undefined when no rule validates. */
  readonly bundles:
    | {
        readonly trustDomains: readonly string[];
        readonly problem: string | undefined;
        /** Keys that are not trusted, by trust domain. */
        readonly leftOut?: ReadonlyMap<string, readonly LeftOutKey[]>;
      }
    | undefined;
  readonly isDraining: boolean;
}

/** Ready: a token for each audience of the settings, and a bundle where a rule validates. */
export function readiness({ tokens, bundles, isDraining }: HelperState, names: PodNames): Health {
  const missing = tokens
    .filter(({ token, isRequired }) => token === undefined && isRequired)
    .map(({ audience, problem }) => problem ?? `there is no token for audience "${audience}"`);
  if (bundles?.trustDomains.length === 0) missing.push(bundles.problem ?? 'there is no JWT bundle');
  if (isDraining) missing.push('the helper is stopping');
  return { ok: missing.length === 0, missing: missing.map((words) => withNames(words, names)) };
}

/** Makes the advice exact where this pod's names are known. */
export function withNames(words: string, { namespace, serviceAccount }: PodNames): string {
  const named = words
    .replaceAll('k8s:ns:NAMESPACE', `k8s:ns:${namespace ?? 'NAMESPACE'}`)
    .replaceAll('k8s:sa:SERVICE_ACCOUNT', `k8s:sa:${serviceAccount ?? 'SERVICE_ACCOUNT'}`);
  return named;
}

/** Gauges about tokens and keys. */
export function stateFamilies({ tokens, bundles }: HelperState): readonly MetricFamily[] {
  const required = tokens.filter(({ isRequired }) => isRequired);
  return [
    {
      name: 'svidecar_token_expiry_timestamp_seconds',
      help: 'When the newest token for an audience of the settings expires (of several identities the first to expire); 0 without a token.',
      type: 'gauge',
      samples: [...earliestEnds(required)].map(([audience, value]) => ({
        labels: { audience },
        value,
      })),
    },
    {
      name: 'svidecar_route_audiences',
      help: 'Audiences that only routes name.',
      type: 'gauge',
      samples: [{ value: tokens.length - required.length }],
    },
    {
      name: 'svidecar_trust_domains',
      help: 'Trust domains whose tokens can be verified now.',
      type: 'gauge',
      samples: bundles === undefined ? [] : [{ value: bundles.trustDomains.length }],
    },
    {
      name: 'svidecar_bundles_current',
      help: 'Whether the Workload API tells of changes of the JWT bundles; if not, they are those that it told of last.',
      type: 'gauge',
      samples: bundles === undefined ? [] : [{ value: Number(bundles.problem === undefined) }],
    },
    {
      name: 'svidecar_bundle_keys_left_out',
      help: 'Keys of JWT bundles that are not trusted, by trust domain and reason.',
      type: 'gauge',
      samples: leftOutSamples(bundles?.leftOut ?? new Map<string, readonly LeftOutKey[]>()),
    },
  ];
}

/** One value for each audience: two samples with the same labels would spoil the page. */
function earliestEnds(states: readonly SourceState[]): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  for (const { audience, token } of states) {
    const end = token?.expiresAtS ?? 0;
    ends.set(audience, Math.min(ends.get(audience) ?? end, end));
  }
  return ends;
}

function leftOutSamples(leftOut: ReadonlyMap<string, readonly LeftOutKey[]>) {
  return [...leftOut].flatMap(([domain, keys]) =>
    [...Map.groupBy(keys, ({ reason }) => reason)].map(([reason, same]) => ({
      labels: { trust_domain: domain, reason },
      value: same.length,
    })),
  );
}

/** Keys of one trust domain that a log line names, and characters of each: others write the bundle. */
const shown = { keys: 8, characters: 64 } as const;

/** In words for the log: names and reasons. Empty where every key is trusted, or is for something else. */
export function leftOutWords(keys: readonly LeftOutKey[]): string {
  const strange = keys.filter(({ reason }) => reason !== 'use');
  const named = strange
    .slice(0, shown.keys)
    .map(({ keyId, reason }) => `${(keyId ?? '').slice(0, shown.characters)} (${reason})`);
  const more = strange.length - named.length;
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
