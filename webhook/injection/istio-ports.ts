/** The ports of a pod that Istio's iptables lead to Envoy, and those that they must not. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { healthPort } from '../../sidecar/config/helper-contract.ts';
import { escapeToken } from '../editing/operation.ts';
import { annotationsOf, istioKeys } from './istio-marks.ts';
import type { Replacement } from './reconcile.ts';

/** Leads the pod's connections to Envoy; not there with Istio's CNI plugin, which reads the annotation when the pod starts. */
const initContainer = 'istio-init';
/** Of `istio-iptables`: inbound ports that are left alone. */
const excludesFlag = '-d';

export interface Exclusion {
  readonly annotations: JsonObject;
  readonly replacements: readonly Replacement[];
}

/**
 * The kubelet asks the helper's health port from outside the pod, in plain HTTP: past Envoy, which may want a certificate.
 * Istio's injector, or its CNI plugin, reads an annotation; where the injector was here first, its container has the list already.
 */
export function exclusionOf(template: JsonObject): Exclusion {
  const have = stringAt(annotationsOf(template), istioKeys.excludeInboundPorts);
  const replacements = initReplacements(template);
  if (have === undefined)
    return {
      annotations: { [istioKeys.excludeInboundPorts]: String(healthPort) },
      replacements,
    };
  const now = withHealthPort(have);
  const path = `/metadata/annotations/${escapeToken(istioKeys.excludeInboundPorts)}`;
  return {
    annotations: {},
    replacements: now === have ? replacements : [{ path, now }, ...replacements],
  };
}

function withHealthPort(list: string): string {
  if (itemsOf(list).includes(String(healthPort))) return list;
  return list.trim() === '' ? String(healthPort) : `${list},${healthPort}`;
}

function initReplacements(template: JsonObject): readonly Replacement[] {
  const init = listAt(objectAt(template, 'spec'), 'initContainers')
    .filter(isObject)
    .find(({ name }) => name === initContainer);
  const args = init === undefined ? [] : listAt(init, 'args');
  const at = args.indexOf(excludesFlag) + 1;
  const have = args[at];
  if (at === 0 || typeof have !== 'string') return [];
  const now = withHealthPort(have);
  const path = `/spec/initContainers/name=${initContainer}/args/${at}`;
  return now === have ? [] : [{ path, now }];
}

/** Items of a list with commas, without empty ones. */
function itemsOf(list: string): readonly string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Which inbound ports reach Envoy; undefined for a list that Istio does not take. */
export type InboundCapture =
  | { readonly kind: 'all'; readonly but: readonly string[] }
  | { readonly kind: 'some'; readonly ports: readonly string[] }
  | undefined;

/** @see istio-iptables: exclusions count only where all ports are included */
export function inboundCapture(template: JsonObject): InboundCapture {
  const annotations = annotationsOf(template);
  const included = stringAt(annotations, istioKeys.includeInboundPorts) ?? '*';
  const excluded = itemsOf(stringAt(annotations, istioKeys.excludeInboundPorts) ?? '');
  if (included.trim() === '*')
    return { kind: 'all', but: excluded.filter((port) => port !== String(healthPort)) };
  const ports = itemsOf(included);
  return ports.every(isPort) ? { kind: 'some', ports } : undefined;
}

/** As people write one. */
export function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;
}
