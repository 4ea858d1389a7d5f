/** The ports of a pod that Istio's iptables lead to Envoy, and those that they must not. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { healthPort } from '../../sidecar/config/helper-contract.ts';
import { escapeToken } from '../editing/operation.ts';
import { annotationsOf, istioKeys, proxyIn, type IstioSetting } from './istio-marks.ts';
import type { Replacement } from './reconcile.ts';

/** Leads the pod's connections to Envoy; not there with Istio's CNI plugin, which reads the annotation when the pod starts. */
export const initContainer = 'istio-init';
/** Stands in its place with the CNI plugin, with the same arguments, and only looks whether that plugin has done its work. */
export const validationContainer = 'istio-validation';
/** Of `istio-iptables`: inbound ports that are left alone. */
const excludesFlag = '-d';

export interface Exclusion {
  readonly annotations: JsonObject;
  readonly replacements: readonly Replacement[];
}

/**
 * The kubelet asks the helper's health port from outside the pod, in plain HTTP: past Envoy, which may want a certificate.
 * Istio's injector, or its CNI plugin, reads an annotation; where the injector was here first, its container has the list already.
 * @throws {AppError} ANNOTATION_INVALID
 */
export function exclusionOf(template: JsonObject): Exclusion {
  refuseNumber(template);
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

/** The API server refuses such a value; what is not sent there yet would otherwise keep the port in Envoy. */
function refuseNumber(template: JsonObject): void {
  const key = istioKeys.excludeInboundPorts;
  const have = annotationsOf(template)[key];
  if (have === undefined || typeof have === 'string') return;
  throw new AppError(
    'ANNOTATION_INVALID',
    `annotation ${key} is not a string, and annotations are; write its value in quotes`,
    { facts: { key } },
  );
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

interface CaptureSetting extends IstioSetting {
  readonly value: string;
}

/** By which annotation, and which argument of Istio's container where that is there already: settings of the mesh are among these. */
const captureSettings = Object.freeze({
  includeInboundPorts: { key: istioKeys.includeInboundPorts, flag: '-b' },
  excludeInboundPorts: { key: istioKeys.excludeInboundPorts, flag: excludesFlag },
  excludeInterfaces: { key: istioKeys.excludeInterfaces, flag: '-c' },
  excludeOutboundPorts: { key: istioKeys.excludeOutboundPorts, flag: '-o' },
  excludeOutboundRanges: { key: istioKeys.excludeOutboundRanges, flag: '-x' },
  includeOutboundRanges: { key: istioKeys.includeOutboundRanges, flag: '-i' },
});

/** What Istio's redirection is told of one of these; undefined where nothing says so. */
export function captureSetting(
  template: JsonObject,
  name: keyof typeof captureSettings,
): CaptureSetting | undefined {
  const { key, flag } = captureSettings[name];
  const said = stringAt(annotationsOf(template), key);
  const done = argumentOf(template, flag);
  if (said !== undefined) return { value: done?.value ?? said, from: `annotation ${key}`, key };
  return done === undefined
    ? undefined
    : {
        value: done.value,
        from: `a setting of the mesh (${flag} of container "${done.container}")`,
      };
}

function argumentOf(
  template: JsonObject,
  flag: string,
): { readonly value: string; readonly container: string } | undefined {
  const [init] = listAt(objectAt(template, 'spec'), 'initContainers')
    .filter(isObject)
    .filter(({ name }) => name === initContainer || name === validationContainer);
  if (init === undefined) return undefined;
  const args = listAt(init, 'args');
  const at = args.indexOf(flag) + 1;
  const value = args[at];
  if (at === 0 || typeof value !== 'string') return undefined;
  return { value, container: stringAt(init, 'name') ?? '' };
}

/** As whom Istio's proxy runs, unless something says otherwise. */
const usualId = '1337';

/**
 * Users and groups of which Istio leads nothing to Envoy, since they are its proxy's own.
 * @see istio-iptables: `--uid-owner`, `--gid-owner`
 */
export function uncapturedIds(template: JsonObject): Readonly<Record<'users' | 'groups', string>> {
  const { runAsUser, runAsGroup } = objectAt(proxyIn(template)?.container ?? {}, 'securityContext');
  const idOf = (own: Json | undefined, flag: string): string =>
    typeof own === 'number' ? String(own) : (argumentOf(template, flag)?.value ?? usualId);
  return { users: idOf(runAsUser, '-u'), groups: idOf(runAsGroup, '-g') };
}

/** Those of Istio's container itself, which its injector excludes in each pod. */
export const istiosOwnPorts: readonly string[] = ['15020', '15021', '15090'];

/** Which inbound ports reach Envoy. */
export type InboundCapture =
  | { readonly kind: 'all'; readonly but: readonly string[]; readonly by: IstioSetting }
  | { readonly kind: 'some'; readonly ports: readonly string[]; readonly by: IstioSetting }
  /** A list that Istio does not take. */
  | { readonly kind: 'unreadable'; readonly by: IstioSetting };

/** @see istio-iptables: exclusions count only where all ports are included */
export function inboundCapture(template: JsonObject): InboundCapture {
  const included = captureSetting(template, 'includeInboundPorts');
  if (included !== undefined && included.value.trim() !== '*') {
    const ports = itemsOf(included.value);
    return ports.every(isPort)
      ? { kind: 'some', ports, by: included }
      : { kind: 'unreadable', by: included };
  }
  const excluded = captureSetting(template, 'excludeInboundPorts');
  const ports = [...new Set(itemsOf(excluded?.value ?? ''))];
  const kept = [String(healthPort), ...istiosOwnPorts];
  const by = excluded ?? { from: `annotation ${istioKeys.excludeInboundPorts}` };
  return { kind: 'all', but: ports.filter((port) => !kept.includes(port)), by };
}

/**
 * The first item for which Istio takes no such list: none is a word, a range or a `*`.
 * @see istio.io/istio/pkg/kube/inject parsePorts
 */
export function strangeItem(list: string): string | undefined {
  if (list.trim() === '') return undefined;
  return list
    .split(',')
    .map((item) => item.trim())
    .find((item) => !/^\d+$/.test(item) || Number(item) > 65_535);
}

/** As people write one. */
export function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;
}
