/** Bundles and federation relationships of SPIRE's server. */
import { AppError } from '#kernel/errors.ts';
import type {
  BatchDeleteFederatedBundleResponse,
  ListFederatedBundlesResponse,
} from './gen/bundle.ts';
import type {
  BatchCreateFederationRelationshipResponse,
  BatchDeleteFederationRelationshipResponse,
  BatchUpdateFederationRelationshipResponse,
  ListFederationRelationshipsResponse,
} from './gen/trustdomain.ts';
import type { Bundle, FederationRelationshipMask } from './gen/messages.ts';
import { relationshipMessage, relationshipOf } from './relationship-messages.ts';
import type { CallSite } from './spire-entries.ts';
import { wholeList } from './spire-lists.ts';
import { deleteResultOf, relationshipResultOf } from './spire-results.ts';
import type {
  DeleteResult,
  RelationshipResult,
  RelationshipToWrite,
  SpireServerApi,
} from './spire-server-api.ts';

type FederationCalls = Pick<
  SpireServerApi,
  | 'trustDomain'
  | 'federatedTrustDomains'
  | 'listRelationships'
  | 'createRelationship'
  | 'updateRelationship'
  | 'deleteRelationship'
  | 'deleteBundle'
>;

/** The trust domain's name alone: bundles are large. */
const nameOnly = {
  x509Authorities: false,
  jwtAuthorities: false,
  refreshHint: false,
  sequenceNumber: false,
};
const withoutBundle: FederationRelationshipMask = {
  bundleEndpointUrl: true,
  bundleEndpointProfile: true,
  trustDomainBundle: false,
};

export function federationCalls(site: CallSite): FederationCalls {
  return {
    trustDomain: (signal) => trustDomain(site, signal),
    federatedTrustDomains: (signal) => federatedTrustDomains(site, signal),
    listRelationships: (signal) => listRelationships(site, signal),
    createRelationship: (relationship, signal) => createOne(site, relationship, signal),
    updateRelationship: (relationship, signal) => updateOne(site, relationship, signal),
    deleteRelationship: (name, signal) => deleteOne(site, name, signal),
    deleteBundle: (name, signal) => deleteBundle(site, name, signal),
  };
}

async function trustDomain({ caller }: CallSite, signal: AbortSignal): Promise<string> {
  const bundle = await caller.call<Bundle>(
    'GetBundle',
    (clients, ...rest) => clients.bundles.getBundle({ outputMask: nameOnly }, ...rest),
    signal,
  );
  return bundle.trustDomain;
}

function federatedTrustDomains(
  { caller, pageSize, maxItems }: CallSite,
  signal: AbortSignal,
): ReturnType<FederationCalls['federatedTrustDomains']> {
  return wholeList({
    what: 'federated bundles',
    limit: maxItems,
    page: async (pageToken) => {
      const request = { outputMask: nameOnly, pageSize, pageToken };
      const { bundles, nextPageToken } = await caller.call<ListFederatedBundlesResponse>(
        'ListFederatedBundles',
        (clients, ...rest) => clients.bundles.listFederatedBundles(request, ...rest),
        signal,
      );
      return { items: bundles.map((each) => each.trustDomain), nextToken: nextPageToken };
    },
  });
}

function listRelationships(
  { caller, pageSize, maxItems }: CallSite,
  signal: AbortSignal,
): ReturnType<FederationCalls['listRelationships']> {
  return wholeList({
    what: 'federation relationships',
    limit: maxItems,
    page: async (pageToken) => {
      const request = { outputMask: withoutBundle, pageSize, pageToken };
      const answer = await caller.call<ListFederationRelationshipsResponse>(
        'ListFederationRelationships',
        (clients, ...rest) => clients.trustDomains.listFederationRelationships(request, ...rest),
        signal,
      );
      const items = answer.federationRelationships.map(relationshipOf);
      return { items, nextToken: answer.nextPageToken };
    },
  });
}

async function createOne(
  { caller }: CallSite,
  relationship: RelationshipToWrite,
  signal: AbortSignal,
): Promise<RelationshipResult> {
  const request = {
    federationRelationships: [relationshipMessage(relationship)],
    outputMask: withoutBundle,
  };
  const { results } = await caller.call<BatchCreateFederationRelationshipResponse>(
    'BatchCreateFederationRelationship',
    (clients, ...rest) => clients.trustDomains.batchCreateFederationRelationship(request, ...rest),
    signal,
  );
  return relationshipResultOf(onlyOne(results).status);
}

async function updateOne(
  { caller }: CallSite,
  relationship: RelationshipToWrite,
  signal: AbortSignal,
): Promise<RelationshipResult> {
  const inputMask = { ...withoutBundle, trustDomainBundle: relationship.bundle !== undefined };
  const request = {
    federationRelationships: [relationshipMessage(relationship)],
    inputMask,
    outputMask: withoutBundle,
  };
  const { results } = await caller.call<BatchUpdateFederationRelationshipResponse>(
    'BatchUpdateFederationRelationship',
    (clients, ...rest) => clients.trustDomains.batchUpdateFederationRelationship(request, ...rest),
    signal,
  );
  return relationshipResultOf(onlyOne(results).status);
}

async function deleteOne(
  { caller }: CallSite,
  name: string,
  signal: AbortSignal,
): Promise<DeleteResult> {
  const { results } = await caller.call<BatchDeleteFederationRelationshipResponse>(
    'BatchDeleteFederationRelationship',
    (clients, ...rest) =>
      clients.trustDomains.batchDeleteFederationRelationship({ trustDomains: [name] }, ...rest),
    signal,
  );
  return deleteResultOf(onlyOne(results));
}

async function deleteBundle(
  { caller }: CallSite,
  name: string,
  signal: AbortSignal,
): Promise<DeleteResult> {
  const { results } = await caller.call<BatchDeleteFederatedBundleResponse>(
    'BatchDeleteFederatedBundle',
    (clients, ...rest) =>
      clients.bundles.batchDeleteFederatedBundle({ trustDomains: [name] }, ...rest),
    signal,
  );
  return deleteResultOf(onlyOne(results));
}

function onlyOne<Result>(results: readonly Result[]): Result {
  const [first] = results;
  if (first === undefined) throw new AppError('SPIRE_FAILED', 'SPIRE gave no result to a request');
  return first;
}
