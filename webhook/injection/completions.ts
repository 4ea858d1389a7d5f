/**
 * Containers that a template only completes, and volumes that take the place of others of their names. Both may come
 * from another injector, before our turn or after it.
 */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { istioContainer } from '../istio/istio-plan.ts';
import { itemToken } from './keyed.ts';
import { refuseAmbient, refuseTurnedOff } from './refuse-istio.ts';
import { mountPathOf, withVolumeNames, type VolumeNames } from './volumes.ts';
import type { Trace } from './trace.ts';

const lists = ['containers', 'initContainers'] as const;
type List = (typeof lists)[number];

export interface Completions {
  /** What is wanted in the pod's containers, in the list where each of them is. */
  readonly wanted: Readonly<Record<List, readonly JsonObject[]>>;
  /** Containers that another injector has to bring. */
  readonly awaits: readonly string[];
  /** Names in the template of the volumes that those containers mount which are there. */
  readonly mounted: ReadonlySet<string>;
}

interface CompletionFacts {
  readonly names: VolumeNames;
  readonly trace: Trace;
}

/** @throws {AppError} CONTAINER_CONFLICT, ISTIO_UNFIT */
export function completionsIn(
  template: JsonObject,
  containers: readonly JsonObject[],
  { names, trace }: CompletionFacts,
): Completions {
  const wanted: Record<List, JsonObject[]> = { containers: [], initContainers: [] };
  const awaits: string[] = [];
  const mounted = new Set<string>();
  for (const container of containers) {
    const name = stringAt(container, 'name') ?? '';
    const list = container['image'] === undefined ? whereIs(template, name) : 'containers';
    if (list === undefined) {
      if (name === istioContainer) {
        refuseAmbient(template);
        refuseTurnedOff(template, 'the template that needs Istio');
      }
      awaits.push(name);
      trace.say(
        'awaits_container',
        `container "${name}" comes with each pod, from another injector; a pod that it does not come with is refused`,
      );
      continue;
    }
    const standing = containerOf(objectAt(template, 'spec'), list, name) ?? {};
    for (const mount of listAt(container, 'volumeMounts').filter(isObject))
      mounted.add(stringAt(mount, 'name') ?? '');
    wanted[list].push(withVolumeNames(withoutStandingMounts(container, standing), names));
  }
  return { wanted, awaits, mounted };
}

/** Undefined where it is not there, or where another injector has yet to complete it. */
function whereIs(template: JsonObject, name: string): List | undefined {
  const spec = objectAt(template, 'spec');
  const places = lists.filter((list) => containerOf(spec, list, name) !== undefined);
  if (places.length > 1) throw twoOf(name);
  return places.find((list) => isWhole(containerOf(spec, list, name) ?? {}));
}

function twoOf(name: string): AppError {
  return new AppError(
    'CONTAINER_CONFLICT',
    `the pod has "${name}" among its containers and, as a native sidecar, among its init containers, which Kubernetes refuses; with Istio the first comes from a template of Istio's such as the "spire" of its documentation: take that template out of the annotation inject.istio.io/templates, or out of sidecarInjectorWebhook.defaultTemplates of istiod; istio-spire does its work`,
    { facts: { container: name } },
  );
}

/** `auto` is what Istio's injector replaces by an image. */
function isWhole({ image }: JsonObject): boolean {
  return image !== undefined && image !== '' && image !== 'auto';
}

function containerOf(spec: JsonObject, list: List, name: string): JsonObject | undefined {
  return listAt(spec, list)
    .filter(isObject)
    .find((container) => container['name'] === name);
}

/** A volume that the container mounts already is not mounted a second time. */
function withoutStandingMounts(container: JsonObject, standing: JsonObject): JsonObject {
  const { volumeMounts, ...rest } = container;
  if (volumeMounts === undefined) return container;
  const missing = listAt(container, 'volumeMounts')
    .filter(isObject)
    .filter((mount) => mountPathOf(standing, stringAt(mount, 'name') ?? '') === undefined);
  return missing.length === 0 ? rest : { ...rest, volumeMounts: missing };
}

/** The directive of a volume in a template, of which nothing reaches the pod. */
export type VolumeDirective = 'replace' | 'merge';

/** Undefined for a volume that is added beside the pod's own. */
export function directiveOf(volume: JsonObject): VolumeDirective | undefined {
  const directive = volume['$patch'];
  return directive === 'replace' || directive === 'merge' ? directive : undefined;
}

/**
 * Whether a volume is wanted already. One that replaces another's waits for the container that mounts it: what another
 * injector then declares would clash with it. One that merges with another's is kept by that injector, and so is there
 * also while we are not.
 */
export function isDue(volume: JsonObject, { mounted }: Completions): boolean {
  return directiveOf(volume) !== 'replace' || mounted.has(stringAt(volume, 'name') ?? '');
}

/** A pod template as it would be had we never been there. */
export interface WithoutUs {
  readonly template: JsonObject;
  /** Keyed paths of what was ours and has become another injector's. */
  readonly theirs: readonly string[];
}

/**
 * Where another injector has met our volume and kept it in place of its own, its own is put back: the container that it
 * brought mounts it. @param stripped what is left of `current` without our parts. @param wanted the templates' part of the pod.
 */
export function withMergedVolumes(
  stripped: JsonObject,
  current: JsonObject,
  wanted: JsonObject,
): WithoutUs {
  const spec = objectAt(stripped, 'spec');
  const restored = listAt(objectAt(wanted, 'spec'), 'volumes')
    .filter(isObject)
    .filter((volume) => directiveOf(volume) === 'merge')
    .flatMap((volume): JsonObject[] => {
      const name = stringAt(volume, 'name') ?? '';
      const standing = volumeOf(objectAt(current, 'spec'), name);
      if (standing === undefined || volumeOf(spec, name) !== undefined) return [];
      const mounts = Math.max(...containersOf(spec).map((each) => mountsOf(each, name)), 0);
      if (mounts === 0) return [];
      // Mounted a second time, it is wanted by a template of the user's, which declares it as well.
      return [mounts > 1 ? standing : { name, emptyDir: {} }];
    });
  if (restored.length === 0) return { template: stripped, theirs: [] };
  const volumes = [...listAt(spec, 'volumes'), ...restored];
  return {
    template: { ...stripped, spec: { ...spec, volumes } },
    theirs: restored.map((volume) => `/spec/volumes/${itemToken(volume, 'name')}`),
  };
}

function volumeOf(spec: JsonObject, name: string): JsonObject | undefined {
  return listAt(spec, 'volumes')
    .filter(isObject)
    .find((volume) => volume['name'] === name);
}

function containersOf(spec: JsonObject): readonly JsonObject[] {
  return lists.flatMap((list) => listAt(spec, list).filter(isObject)).filter(isWhole);
}

function mountsOf(container: JsonObject, volume: string): number {
  return listAt(container, 'volumeMounts').filter(
    (mount) => isObject(mount) && mount['name'] === volume,
  ).length;
}
