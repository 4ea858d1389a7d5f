/** Labels by which spire-controller-manager chooses pods, since it knows labels only. */
import { federationOf } from '../request/federation.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import { envoyLabel, federationLabel } from '../request/metadata-keys.ts';
import { stringAt, type JsonObject } from '#kernel/json.ts';
import type { Composition } from './compose.ts';
import { contentHash } from './hash.ts';
import { mergePartial } from './keyed.ts';

/** @param trustDomains names, sorted */
export function federationHash(trustDomains: readonly string[]): string {
  return contentHash(JSON.stringify(trustDomains));
}

/** Only where that controller registers the helper, or the Envoy that a template brings. */
export function withRegistrationLabels(
  composition: Composition,
  original: JsonObject,
  { registration }: InjectorConfig,
): Composition {
  const { helper, ownEnvoy } = composition;
  if (registration !== 'clusterspiffeid' || (helper ?? ownEnvoy) === undefined) return composition;
  const spiffeId = stringAt(composition.variables, 'spiffeId') ?? '';
  const { trustDomains } = federationOf(original, spiffeId);
  const labels = {
    ...(trustDomains.length === 0 ? {} : { [federationLabel]: federationHash(trustDomains) }),
    ...(ownEnvoy === undefined ? {} : { [envoyLabel]: 'true' }),
  };
  if (Object.keys(labels).length === 0) return composition;
  return { ...composition, pod: mergePartial(composition.pod, { metadata: { labels } }) };
}
