/** Federation relationships as SPIRE's messages have them, and back. */
import { bundleMessage } from './bundle-document.ts';
import type { FederationRelationship as Message } from './gen/messages.ts';
import type { FederationRelationship, RelationshipToWrite } from './spire-server-api.ts';

export function relationshipOf(message: Message): FederationRelationship {
  const profile = message.bundleEndpointProfile;
  return {
    trustDomain: message.trustDomain,
    bundleEndpoint: message.bundleEndpointUrl,
    profile:
      profile?.$case === 'httpsSpiffe'
        ? { kind: 'https_spiffe', endpointSpiffeId: profile.value.endpointSpiffeId }
        : { kind: 'https_web' },
  };
}

/** @throws {AppError} BUNDLE_INVALID */
export function relationshipMessage(relationship: RelationshipToWrite): Message {
  const { trustDomain, bundleEndpoint, profile, bundle } = relationship;
  return {
    trustDomain,
    bundleEndpointUrl: bundleEndpoint,
    bundleEndpointProfile:
      profile.kind === 'https_spiffe'
        ? { $case: 'httpsSpiffe', value: { endpointSpiffeId: profile.endpointSpiffeId } }
        : { $case: 'httpsWeb', value: {} },
    trustDomainBundle: bundle === undefined ? undefined : bundleMessage(trustDomain, bundle),
  };
}
