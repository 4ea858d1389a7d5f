/** What a pod template tells Istio's injector to do with its pods. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';

/** Key of a label, and of an annotation. */
export const istioInjectKey = 'sidecar.istio.io/inject';

export interface IstioWish {
  readonly kind: 'on' | 'off' | 'unsaid';
  /**
   * A value of which Istio's releases make different things: older ones take yes, y and on for true, and all others for false, in any
   * case; later ones heed no value but true and false, and go by the namespace.
   */
  readonly unsure?: string;
}

/** @see istio.io/istio/pkg/kube/inject injectRequired: a label counts more than an annotation, also an empty one */
export function istioWish(template: JsonObject): IstioWish {
  const metadata = objectAt(template, 'metadata');
  const said =
    stringAt(objectAt(metadata, 'labels'), istioInjectKey) ??
    stringAt(objectAt(metadata, 'annotations'), istioInjectKey);
  if (said === undefined || said === '') return { kind: 'unsaid' };
  if (said === 'true') return { kind: 'on' };
  if (said === 'false') return { kind: 'off' };
  const isTrue = ['y', 'yes', 'true', 'on'].includes(said.toLowerCase());
  return { kind: isTrue ? 'on' : 'off', unsure: said };
}
