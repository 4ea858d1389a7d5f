/** What is asked of SPIRE's server: a port, which `open-spire-server.ts` fills. */
import type { ErrorCode } from '#kernel/errors.ts';
import type { SpireEntry } from '../identity/spire-entry.ts';

/** SPIRE would not do it: the gRPC status by name, and what it said. */
interface RefusedBySpire {
  readonly kind: 'refused';
  readonly code: string;
  readonly words: string;
}

/** What became of one entry of a batch: SPIRE answers each by itself. */
export type EntryResult =
  /** Of a write SPIRE gives the DNS names back sorted; a list has them in their order. */
  | { readonly kind: 'done'; readonly entry: SpireEntry }
  /** `similar`: one with the same SPIFFE ID, parent and selectors, under its own id; without it: our id is taken by other content. */
  | { readonly kind: 'exists'; readonly similar: SpireEntry | undefined }
  | { readonly kind: 'missing' }
  | RefusedBySpire;

/** `gone`: also when it was not there. */
export type DeleteResult = { readonly kind: 'gone' } | RefusedBySpire;

/** @see SPIFFE Federation §5.2 */
export type BundleEndpointProfile =
  | { readonly kind: 'https_web' }
  | { readonly kind: 'https_spiffe'; readonly endpointSpiffeId: string };

/** Where SPIRE's server gets the keys of another trust domain. @see spire.api.types.FederationRelationship */
export interface FederationRelationship {
  readonly trustDomain: string;
  /** An `https:` URL. */
  readonly bundleEndpoint: string;
  readonly profile: BundleEndpointProfile;
}

export interface RelationshipToWrite extends FederationRelationship {
  /** The domain's first bundle, a SPIFFE bundle document (JSON); undefined: what SPIRE has of it stays. */
  readonly bundle: string | undefined;
}

/** `exists` is not told apart: SPIRE says `refused`, INTERNAL, of a relationship that is there already. */
export type RelationshipResult =
  { readonly kind: 'done' } | { readonly kind: 'missing' } | RefusedBySpire;

export interface SpireAgent {
  readonly id: string;
  readonly isBanned: boolean;
}

/** Counts calls: `SPIRE_…` is the code of the failure that the caller gets. */
export type CallObserver = (call: string, result: 'ok' | ErrorCode) => void;

/**
 * Every call ends within its deadline, and rejects with an `AppError` SPIRE_UNREACHABLE, SPIRE_FORBIDDEN or SPIRE_FAILED, or
 * with the signal's reason. A write that rejects may have been carried out in part: list, and compare anew.
 */
export interface SpireServerApi {
  /** For messages. */
  readonly address: string;
  /** All of them, or a rejection. */
  listEntries(signal: AbortSignal): Promise<readonly SpireEntry[]>;
  /** Results in the order of what was given, here and below. */
  createEntries(
    entries: readonly SpireEntry[],
    signal: AbortSignal,
  ): Promise<readonly EntryResult[]>;
  /** Everything but the id becomes what is given. */
  updateEntries(
    entries: readonly SpireEntry[],
    signal: AbortSignal,
  ): Promise<readonly EntryResult[]>;
  deleteEntries(ids: readonly string[], signal: AbortSignal): Promise<readonly DeleteResult[]>;
  /** The name of the server's own. */
  trustDomain(signal: AbortSignal): Promise<string>;
  /** Names of those whose bundle SPIRE has. */
  federatedTrustDomains(signal: AbortSignal): Promise<readonly string[]>;
  agents(signal: AbortSignal): Promise<readonly SpireAgent[]>;
  /** Those made through the API; SPIRE does not list those of its configuration file. */
  listRelationships(signal: AbortSignal): Promise<readonly FederationRelationship[]>;
  createRelationship(
    relationship: RelationshipToWrite,
    signal: AbortSignal,
  ): Promise<RelationshipResult>;
  updateRelationship(
    relationship: RelationshipToWrite,
    signal: AbortSignal,
  ): Promise<RelationshipResult>;
  /** The domain's bundle stays. */
  deleteRelationship(trustDomain: string, signal: AbortSignal): Promise<DeleteResult>;
  /** Refused with FAILED_PRECONDITION while an entry federates with the domain. */
  deleteBundle(trustDomain: string, signal: AbortSignal): Promise<DeleteResult>;
  close(): void;
}
