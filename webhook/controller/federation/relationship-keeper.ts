/**
 * Keeps SPIRE's federation relationships as configured: those that we made, and no others. What is ours is recorded before
 * it is made, so that a crash in between leaves nothing behind.
 * @see docs/adr/0116-relationships-are-recorded-on-the-lease.md
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Log } from '#kernel/observe.ts';
import { parseSpiffeId, trustDomainOf } from '#kernel/spiffe-id.ts';
import type { InjectorConfig } from '../../request/injector-config.ts';
import type { RelationshipResult, SpireServerApi } from '../../spire/spire-server-api.ts';
import {
  planRelationships,
  type RecordedRelationship,
  type RelationshipStep,
  type WantedRelationship,
} from './plan-relationships.ts';
import type { RelationshipRecord } from './relationship-record.ts';

export interface RelationshipKeeperOptions {
  readonly record: RelationshipRecord;
  readonly log: Log;
}

/** A relationship that is not as configured. */
export interface RelationshipProblem {
  readonly trustDomain: string;
  /** A sentence. */
  readonly message: string;
}

type Configured = InjectorConfig['federation'][number];

/** `kept`: as configured. `foreign`: others made another one. `awaited`: SPIRE refuses it, or has no bundle. */
type Standing = 'kept' | 'foreign' | 'awaited';

/** What a reconciliation has found and left. */
export interface RelationshipState {
  /** By trust domain, what the configuration said then, and what became of it. */
  readonly found: ReadonlyMap<string, { readonly of: Configured; readonly standing: Standing }>;
  /** Trust domains with which we made a relationship. */
  readonly ours: ReadonlySet<string>;
  readonly problems: readonly RelationshipProblem[];
}

export type RelationshipCounts = Readonly<Record<Standing | 'leaving', number>>;

/** Of a configuration that may be newer than the look: what it asks for since is awaited. */
export function relationshipCounts(
  state: RelationshipState,
  federation: readonly Configured[],
): RelationshipCounts {
  const counts = { kept: 0, foreign: 0, awaited: 0, leaving: leavingOf(state, federation).size };
  for (const configured of federation) {
    const found = state.found.get(configured.trustDomain);
    const isSame = found !== undefined && isDeepStrictEqual(found.of, configured);
    counts[isSame ? found.standing : 'awaited'] += 1;
  }
  return counts;
}

/** Trust domains of ours that are going: entries must no longer federate with them. */
export function leavingOf(
  { ours }: RelationshipState,
  federation: readonly Configured[],
): ReadonlySet<string> {
  const named = new Set(federation.map(({ trustDomain }) => trustDomain));
  return new Set([...ours].filter((name) => !named.has(name)));
}

interface Round {
  readonly api: SpireServerApi;
  readonly bundles: ReadonlySet<string>;
  readonly recorded: Map<string, RecordedRelationship>;
  readonly signal: AbortSignal;
}

export class RelationshipKeeper {
  readonly #options: RelationshipKeeperOptions;
  /** Those told of in the log. */
  #told: ReadonlySet<string> = new Set();

  constructor(options: RelationshipKeeperOptions) {
    this.#options = options;
  }

  /** Whether something of ours is recorded: then there is work, whatever the configuration says. */
  async hasRecord(signal: AbortSignal): Promise<boolean> {
    return (await this.#options.record.read(signal)).size > 0;
  }

  /** One look, and what follows from it. @throws {AppError} as the calls; the next look mends what was left */
  async reconcile(
    api: SpireServerApi,
    federation: readonly Configured[],
    signal: AbortSignal,
  ): Promise<RelationshipState> {
    const { record } = this.#options;
    const recorded = new Map(await record.read(signal));
    const [existing, bundles] = await Promise.all([
      api.listRelationships(signal),
      api.federatedTrustDomains(signal),
    ]);
    const wanted = federation.map(wantedOf);
    const round = { api, bundles: new Set(bundles), recorded, signal };
    const { steps, foreign } = planRelationships({ wanted, existing, ...round });
    const problems = foreign.map(foreignProblem);
    for (const step of steps) {
      const problem = await this.#carryOut(step, round);
      if (problem !== undefined) problems.push(problem);
    }
    problems.push(...bare(wanted, steps, round));
    this.#tell(problems);
    const troubled = new Set(problems.map(({ trustDomain }) => trustDomain));
    const standingOf = (trustDomain: string): Standing => {
      if (foreign.includes(trustDomain)) return 'foreign';
      return troubled.has(trustDomain) ? 'awaited' : 'kept';
    };
    const found = federation.map((configured) => {
      const { trustDomain } = configured;
      return [trustDomain, { of: configured, standing: standingOf(trustDomain) }] as const;
    });
    return { found: new Map(found), ours: new Set(recorded.keys()), problems };
  }

  async #carryOut(step: RelationshipStep, round: Round): Promise<RelationshipProblem | undefined> {
    switch (step.kind) {
      case 'create':
        return this.#create(step.relationship, round);
      case 'update':
        return this.#update(step.relationship, round);
      case 'delete':
        return this.#delete(step, round);
      default:
        return step satisfies never;
    }
  }

  async #create(
    relationship: WantedRelationship,
    round: Round,
  ): Promise<RelationshipProblem | undefined> {
    const { trustDomain } = relationship;
    const { api, recorded, signal, bundles } = round;
    const before = recorded.get(trustDomain);
    const hadBundle = before?.hadBundle ?? bundles.has(trustDomain);
    await this.#record(round, trustDomain, { bundle: relationship.digest, hadBundle });
    const result = await api.createRelationship(relationship, signal);
    if (result.kind === 'done') {
      this.#options.log.info({ trustDomain }, 'federation relationship created');
      return undefined;
    }
    // Somebody else was quicker, or SPIRE does not take it: it is not ours.
    if (before === undefined) await this.#record(round, trustDomain, undefined);
    return refusedProblem(trustDomain, result);
  }

  async #update(
    relationship: WantedRelationship,
    round: Round,
  ): Promise<RelationshipProblem | undefined> {
    const { trustDomain, digest } = relationship;
    const { api, recorded, signal } = round;
    const result = await api.updateRelationship(relationship, signal);
    // One that is gone is made at the next look.
    if (result.kind !== 'done') return refusedProblem(trustDomain, result);
    this.#options.log.info({ trustDomain }, 'federation relationship updated');
    const hadBundle = recorded.get(trustDomain)?.hadBundle === true;
    const bundle =
      relationship.bundle === undefined ? (recorded.get(trustDomain)?.bundle ?? '') : digest;
    await this.#record(round, trustDomain, { bundle, hadBundle });
    return undefined;
  }

  /** The record goes last: until then it is looked after again. */
  async #delete(
    step: RelationshipStep & { readonly kind: 'delete' },
    round: Round,
  ): Promise<RelationshipProblem | undefined> {
    const { trustDomain, isThere, withBundle } = step;
    const { api, signal } = round;
    if (isThere) {
      const result = await api.deleteRelationship(trustDomain, signal);
      if (result.kind === 'refused') return refusedProblem(trustDomain, result);
      this.#options.log.info({ trustDomain }, 'federation relationship deleted');
    }
    if (withBundle) {
      const result = await api.deleteBundle(trustDomain, signal);
      if (result.kind === 'refused') return namedProblem(trustDomain, result.code);
    }
    await this.#record(round, trustDomain, undefined);
    return undefined;
  }

  async #record(
    { recorded, signal }: Round,
    trustDomain: string,
    now: RecordedRelationship | undefined,
  ): Promise<void> {
    const newer = new Map(recorded);
    if (now === undefined) newer.delete(trustDomain);
    else newer.set(trustDomain, now);
    await this.#options.record.write(newer, signal);
    if (now === undefined) recorded.delete(trustDomain);
    else recorded.set(trustDomain, now);
  }

  /** Each once, until it has gone. */
  #tell(problems: readonly RelationshipProblem[]): void {
    for (const { trustDomain, message } of problems) {
      if (this.#told.has(message)) continue;
      this.#options.log.warn(
        { trustDomain, fault: message },
        'a federation relationship is not as configured, trying again',
      );
    }
    this.#told = new Set(problems.map(({ message }) => message));
  }
}

function wantedOf(configured: Configured): WantedRelationship {
  const { trustDomain, bundleEndpoint, endpointSpiffeId, bundle } = configured;
  return {
    trustDomain,
    bundleEndpoint,
    profile:
      endpointSpiffeId === undefined
        ? { kind: 'https_web' }
        : { kind: 'https_spiffe', endpointSpiffeId },
    bundle,
    digest: bundle === undefined ? '' : createHash('sha256').update(bundle).digest('base64url'),
  };
}

/** Configured ones without which SPIRE has no key of the domain. */
function bare(
  wanted: readonly WantedRelationship[],
  steps: readonly RelationshipStep[],
  { bundles }: Round,
): readonly RelationshipProblem[] {
  const fresh = new Set(
    steps.flatMap((step) => (step.kind === 'delete' ? [] : [step.relationship.trustDomain])),
  );
  return wanted
    .filter(({ trustDomain }) => !bundles.has(trustDomain) && !fresh.has(trustDomain))
    .map((relationship) => ({
      trustDomain: relationship.trustDomain,
      message: `SPIRE has no bundle of trust domain ${relationship.trustDomain} yet: ${whyBare(relationship)}`,
    }));
}

function whyBare({ trustDomain, bundleEndpoint, profile, bundle }: WantedRelationship): string {
  const missed = `its server does not get one from ${bundleEndpoint}; its log says why`;
  if (profile.kind !== 'https_spiffe') return missed;
  const authority = trustDomainOf(parseSpiffeId(profile.endpointSpiffeId));
  if (authority !== trustDomain)
    return `${missed}. The endpoint's SPIFFE ID is of ${authority}, so SPIRE needs that trust domain's bundle first`;
  return bundle === undefined
    ? 'https_spiffe needs the first one in federation.bundle, or by "spire-server bundle set"'
    : missed;
}

function foreignProblem(trustDomain: string): RelationshipProblem {
  const message =
    `SPIRE has another federation relationship with ${trustDomain}, which is not svidecar's: it is left alone. ` +
    'Delete it by "spire-server federation delete", or take it out of the configuration';
  return { trustDomain, message };
}

function refusedProblem(
  trustDomain: string,
  result: Exclude<RelationshipResult, { readonly kind: 'done' }>,
): RelationshipProblem {
  const said = result.kind === 'missing' ? 'it is gone' : `${result.code}: ${result.words}`;
  const message = `SPIRE's server does not take the federation relationship with ${trustDomain} (${said})`;
  return { trustDomain, message };
}

function namedProblem(trustDomain: string, code: string): RelationshipProblem {
  const message =
    `the bundle of trust domain ${trustDomain}, which is no longer configured, is still in SPIRE (${code}): ` +
    'entries federate with it. Those of others have to be changed by whoever made them';
  return { trustDomain, message };
}
