/** Which container of a pod is the Envoy that serves. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../../sidecar/config/helper-contract.ts';
import { istioContainer } from '../../istio/istio-plan.ts';
import { annotationKey } from '../../request/metadata-keys.ts';
import { onlyValidates, startedBy } from './envoy-command.ts';

export interface FoundContainer {
  readonly container: JsonObject;
  /** List of the pod's spec that contains it. */
  readonly list: 'containers' | 'initContainers';
}

/** @throws {AppError} ENVOY_CONTAINER_NOT_FOUND */
export function findEnvoy(spec: JsonObject, hint: string | undefined): FoundContainer {
  const all = containersIn(spec);
  const candidates = all.filter(({ container }) =>
    hint === undefined
      ? container['name'] !== helperContainer && looksLikeEnvoy(container)
      : container['name'] === hint,
  );
  const serving = hint === undefined ? candidates.filter(serves) : candidates;
  const [found, second] = serving;
  if (found !== undefined && second === undefined) return found;
  throw new AppError(
    'ENVOY_CONTAINER_NOT_FOUND',
    `${reasonOf(hint, candidates, serving)}. Containers: ${namesOf(all)}`,
    { facts: { key: annotationKey('envoy-container') } },
  );
}

/** Containers that look like an Envoy that serves. */
export function servingEnvoys(spec: JsonObject): readonly FoundContainer[] {
  return containersIn(spec).filter(
    (found) =>
      found.container['name'] !== helperContainer &&
      looksLikeEnvoy(found.container) &&
      serves(found),
  );
}

function containersIn(spec: JsonObject): readonly FoundContainer[] {
  return (['containers', 'initContainers'] as const).flatMap((list) =>
    listAt(spec, list)
      .filter(isObject)
      .map((container): FoundContainer => ({ container, list })),
  );
}

/** Containers that look like an Envoy, whatever they do with it. */
export function envoysIn(spec: JsonObject): readonly JsonObject[] {
  return [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
    .filter(isObject)
    .filter(({ name }) => name !== helperContainer)
    .filter((container) => container['name'] === istioContainer || looksLikeEnvoy(container));
}

function reasonOf(
  hint: string | undefined,
  candidates: readonly FoundContainer[],
  serving: readonly FoundContainer[],
): string {
  const key = annotationKey('envoy-container');
  if (hint !== undefined) return `annotation ${key} names "${hint}", which the pod does not have`;
  if (serving.length > 0)
    return `several containers look like Envoy (${namesOf(serving)}); name one in the annotation ${key}`;
  const [ended] = candidates;
  return ended === undefined
    ? `no container looks like Envoy (by its name, image or command); name it in the annotation ${key}, which also says that Istio will bring one: ${key}: ${istioContainer}`
    : `container "${stringAt(ended.container, 'name') ?? ''}" looks like Envoy, but has ended before the app starts (it is an init container without restartPolicy: Always, or only validates); name the one that serves in the annotation ${key}`;
}

function namesOf(all: readonly FoundContainer[]): string {
  return all.map(({ container }) => stringAt(container, 'name') ?? '').join(', ');
}

function looksLikeEnvoy(container: JsonObject): boolean {
  const name = stringAt(container, 'name') ?? '';
  return (
    name === 'envoy' || isEnvoyImage(stringAt(container, 'image') ?? '') || runsEnvoy(container)
  );
}

/** `envoyproxy/envoy:v1.40.0`, `registry.test/envoy-distroless@sha256:…`. Cost: linear. */
function isEnvoyImage(image: string): boolean {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return /^envoy(?:-[a-z0-9-]+)?(?:[@:]|$)/.test(name);
}

function runsEnvoy(container: JsonObject): boolean {
  const words = [...listAt(container, 'command'), ...listAt(container, 'args')];
  if (
    words.some((word) => word === 'envoy' || (typeof word === 'string' && word.endsWith('/envoy')))
  )
    return true;
  const started = startedBy(container);
  return started.kind === 'envoy'
    ? listAt(container, 'command').length > 0
    : started.kind === 'unknown' &&
        (started.starts === 'envoy' || started.starts === 'perhaps_envoy') &&
        listAt(container, 'command').length > 0;
}

/** A native sidecar serves; a plain init container has ended before the app starts. */
function serves({ container, list }: FoundContainer): boolean {
  if (list === 'initContainers' && container['restartPolicy'] !== 'Always') return false;
  return !onlyValidates(startedBy(container));
}
