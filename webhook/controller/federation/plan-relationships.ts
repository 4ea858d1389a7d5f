/** What to do so that SPIRE's federation relationships become the configured ones. A function of its input. */
import type { FederationRelationship, RelationshipToWrite } from '../../spire/spire-server-api.ts';

/** What is remembered of a relationship that we made: SPIRE has no name or mark for it. */
export interface RecordedRelationship {
  /** Digest of the configured bundle that SPIRE was given last; empty: of none. */
  readonly bundle: string;
  /** SPIRE had the domain's bundle before: then it is not ours to delete. */
  readonly hadBundle: boolean;
}

export interface WantedRelationship extends RelationshipToWrite {
  /** Of the bundle; empty without one. */
  readonly digest: string;
}

export type RelationshipStep =
  | { readonly kind: 'create'; readonly relationship: WantedRelationship }
  /** Its bundle is undefined where SPIRE's own is newer. */
  | { readonly kind: 'update'; readonly relationship: WantedRelationship }
  /** The relationship, and the bundle where that came with it. */
  | {
      readonly kind: 'delete';
      readonly trustDomain: string;
      readonly isThere: boolean;
      readonly withBundle: boolean;
    };

export interface RelationshipInput {
  readonly wanted: readonly WantedRelationship[];
  /** Those of the API, ours or not. */
  readonly existing: readonly FederationRelationship[];
  /** Trust domains whose bundle SPIRE has. */
  readonly bundles: ReadonlySet<string>;
  /** By trust domain. */
  readonly recorded: ReadonlyMap<string, RecordedRelationship>;
}

export interface RelationshipPlan {
  readonly steps: readonly RelationshipStep[];
  /** Trust domains for which others made another relationship than the configured one; it is left alone. */
  readonly foreign: readonly string[];
}

export function planRelationships(input: RelationshipInput): RelationshipPlan {
  const existing = new Map(input.existing.map((each) => [each.trustDomain, each]));
  const steps: RelationshipStep[] = [];
  const foreign: string[] = [];
  for (const wanted of input.wanted) {
    const there = existing.get(wanted.trustDomain);
    const record = input.recorded.get(wanted.trustDomain);
    if (there === undefined) {
      steps.push({ kind: 'create', relationship: forCreation(wanted, input) });
    } else if (record !== undefined) {
      steps.push(...updateOf(wanted, there, { record, bundles: input.bundles }));
    } else if (!isSame(wanted, there)) foreign.push(wanted.trustDomain);
  }
  return { steps: [...deletions(input, existing), ...steps], foreign };
}

/** A bundle that SPIRE has already was fetched later than ours was configured. */
function forCreation(
  wanted: WantedRelationship,
  { bundles, recorded }: RelationshipInput,
): WantedRelationship {
  const isNew = recorded.get(wanted.trustDomain)?.bundle !== wanted.digest;
  const isNeeded = !bundles.has(wanted.trustDomain) || (recorded.has(wanted.trustDomain) && isNew);
  return isNeeded ? wanted : { ...wanted, bundle: undefined };
}

function updateOf(
  wanted: WantedRelationship,
  there: FederationRelationship,
  known: { readonly record: RecordedRelationship; readonly bundles: ReadonlySet<string> },
): readonly RelationshipStep[] {
  const isMissing = !known.bundles.has(wanted.trustDomain);
  const isOther = known.record.bundle !== wanted.digest;
  const needsBundle = wanted.bundle !== undefined && (isMissing || isOther);
  if (isSame(wanted, there) && !needsBundle) return [];
  const relationship = needsBundle ? wanted : { ...wanted, bundle: undefined };
  return [{ kind: 'update', relationship }];
}

function deletions(
  { wanted, recorded, bundles }: RelationshipInput,
  existing: ReadonlyMap<string, FederationRelationship>,
): readonly RelationshipStep[] {
  const named = new Set(wanted.map(({ trustDomain }) => trustDomain));
  return [...recorded]
    .filter(([trustDomain]) => !named.has(trustDomain))
    .map(([trustDomain, { hadBundle }]) => ({
      kind: 'delete',
      trustDomain,
      isThere: existing.has(trustDomain),
      withBundle: !hadBundle && bundles.has(trustDomain),
    }));
}

function isSame(one: FederationRelationship, other: FederationRelationship): boolean {
  return (
    one.bundleEndpoint === other.bundleEndpoint &&
    one.profile.kind === other.profile.kind &&
    endpointOf(one) === endpointOf(other)
  );
}

function endpointOf({ profile }: FederationRelationship): string {
  return profile.kind === 'https_spiffe' ? profile.endpointSpiffeId : '';
}
