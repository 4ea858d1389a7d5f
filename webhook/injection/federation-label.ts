/** The label by which pods are chosen that federate with the same trust domains, for what knows labels only. */
import { federationOf } from '../request/federation.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import { federationLabel } from '../request/metadata-keys.ts';
import { stringAt, type JsonObject } from '#kernel/json.ts';
import type { Composition } from './compose.ts';
import { contentHash } from './hash.ts';
import { mergePartial } from './keyed.ts';

/** @param trustDomains names, sorted */
export function federationHash(trustDomains: readonly string[]): string {
  return contentHash(JSON.stringify(trustDomains));
}

/** Only where spire-controller-manager registers the helper: it can select pods only by labels. */
export function withFederationLabel(
  composition: Composition,
  original: JsonObject,
  { registration }: InjectorConfig,
): Composition {
  if (registration !== 'clusterspiffeid' || composition.helper === undefined) return composition;
  const spiffeId = stringAt(composition.variables, 'spiffeId') ?? '';
  const { trustDomains } = federationOf(original, spiffeId);
  if (trustDomains.length === 0) return composition;
  const label = { metadata: { labels: { [federationLabel]: federationHash(trustDomains) } } };
  return { ...composition, pod: mergePartial(composition.pod, label) };
}
