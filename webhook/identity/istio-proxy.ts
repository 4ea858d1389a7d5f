/** Istio's proxies and gateways, whose identity has one form. */
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import { istioContainer } from '../istio/istio-plan.ts';
import { istioWish } from '../istio/istio-wish.ts';
import type { Located } from '../request/locate.ts';

/**
 * A pod that runs tells by its containers; of all others Istio's injector decides later, by labels of the namespace too, so
 * that only those are left out that tell it no.
 */
export function hasIstioProxy({ kind, template }: Located): boolean {
  const spec = objectAt(template, 'spec');
  const metadata = objectAt(template, 'metadata');
  const names = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
    .filter(isObject)
    .map((each) => stringAt(each, 'name'));
  if (names.includes(istioContainer)) return true;
  if (kind === 'Pod' && stringAt(metadata, 'uid') !== undefined) return false;
  const { kind: wish, unsure } = istioWish(template);
  return spec['hostNetwork'] !== true && (wish !== 'off' || unsure !== undefined);
}
