/** A composition fitted to one pod template: what to merge into it, and what gives way. */
import { setMember } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import {
  isArray,
  isObject,
  listAt,
  objectAt,
  stringAt,
  type Json,
  type JsonObject,
} from '#kernel/json.ts';
import { helperContainer, helperPorts } from '../../sidecar/config/helper-contract.ts';
import type { Settings } from '../request/read-annotations.ts';
import { completionsIn, directiveOf, isDue } from './completions.ts';
import type { Composition } from './compose.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import type { EnvoyLocation } from './envoy-location.ts';
import { mergePartial } from './keyed.ts';
import { podLevelResources, withoutPodLevel } from './pod-resources.ts';
import type { Replacement, WantedTemplate } from './reconcile.ts';
import { onlyVariable, substituteObject } from '../templates/substitute.ts';
import type { Trace } from './trace.ts';
import {
  carriesSame,
  mountPathOf,
  volumeNames,
  withVolumeNames,
  type VolumeNames,
} from './volumes.ts';

export interface EnvoyTarget {
  /** Where it is; undefined for one that a template brings, and for one that is not there yet. */
  readonly serving: Pick<EnvoyLocation, 'container' | 'list'> | undefined;
  /** What of the pod's gives way to ours. */
  readonly replacements: readonly Replacement[];
  /** Containers that another injector will bring. */
  readonly awaits: readonly string[];
}

export interface FitContext {
  readonly envoy: EnvoyTarget | undefined;
  /** What else of the pod's gives way to ours. */
  readonly replacements: readonly Replacement[];
  readonly trace: Trace;
  /** As set by the annotations. */
  readonly settings: Settings;
  /** Volumes that the pods get besides those of their template. */
  readonly claims: readonly string[];
}

/** @see Kubernetes PodSpec.terminationGracePeriodSeconds */
const defaultGraceS = 30;

/** Undefined for what is no number. */
export function graceOf(spec: JsonObject): number | undefined {
  const seconds = spec['terminationGracePeriodSeconds'] ?? defaultGraceS;
  return typeof seconds === 'number' ? seconds : undefined;
}

interface Fitting {
  readonly original: JsonObject;
  readonly spec: JsonObject;
  readonly composition: Composition;
  readonly names: VolumeNames;
  readonly trace: Trace;
  readonly settings: Settings;
}

/** @throws {AppError} CONTAINER_CONFLICT */
export function fit(
  original: JsonObject,
  composition: Composition,
  context: FitContext,
): WantedTemplate {
  const spec = objectAt(original, 'spec');
  const podSpec = objectAt(composition.pod, 'spec');
  const names = volumeNames(spec, listAt(podSpec, 'volumes'), context.claims);
  const { trace, settings } = context;
  const fitting: Fitting = { original, spec, composition, names, trace, settings };
  const wanted = listAt(podSpec, 'containers').filter(isObject);
  const completions = completionsIn(original, wanted, fitting);
  const { containers, initContainers } = completions.wanted;
  const volumes = listAt(podSpec, 'volumes').filter(isObject);
  const due = volumes.filter((volume) => isDue(volume, completions));
  const { added, replaced } = fitVolumes(fitting, due);
  const sidecars = fitSidecars(fitting, context.envoy?.serving);
  let partialSpec: JsonObject = {
    ...podSpec,
    volumes: added,
    containers,
  };
  partialSpec = mergePartial(partialSpec, { initContainers });
  partialSpec = mergePartial(partialSpec, { containers: everyContainer(fitting) });
  partialSpec = mergePartial(partialSpec, sidecars.partial);
  warnOfPorts(fitting);
  return {
    partial: { ...composition.pod, spec: withoutEmptyLists(partialSpec) },
    replacements: [
      ...replaced,
      ...sidecars.replacements,
      ...(context.envoy?.replacements ?? []),
      ...context.replacements,
    ],
    before: sidecars.before,
    awaits: [...new Set([...completions.awaits, ...(context.envoy?.awaits ?? [])])],
  };
}

function withoutEmptyLists(spec: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(spec).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  );
}

function fitVolumes(
  { spec, names, trace }: Fitting,
  wanted: readonly JsonObject[],
): { readonly added: readonly Json[]; readonly replaced: readonly Replacement[] } {
  const added: Json[] = [];
  const replaced: Replacement[] = [];
  const present = listAt(spec, 'volumes').filter(isObject);
  for (const volume of wanted) {
    const { $patch: _, ...plain } = volume;
    const name = names.get(stringAt(volume, 'name') ?? '') ?? '';
    const standing = present.find((candidate) => candidate['name'] === name);
    if (standing === undefined) {
      added.push({ ...plain, name });
      if (isSocket(plain)) trace.say('socket_added', `the Workload API socket is volume "${name}"`);
    } else if (directiveOf(volume) !== undefined && !carriesSame(standing, plain)) {
      replaced.push({ path: `/spec/volumes/name=${name}`, now: plain });
    } else if (isSocket(plain)) {
      trace.say('socket_reused', `the pod's own volume "${name}" carries the Workload API socket`);
    }
  }
  return { added, replaced };
}

function isSocket(volume: JsonObject): boolean {
  return volume['csi'] !== undefined || volume['hostPath'] !== undefined;
}

/** The app's containers, each with the fragments that are meant for all of them. */
function everyContainer({ spec, composition, names }: Fitting): readonly Json[] {
  if (composition.everyContainer.length === 0) return [];
  const ours = composition.sidecars.map(({ name }) => name);
  return listAt(spec, 'containers')
    .filter(isObject)
    .filter(({ name }) => name !== helperContainer && !ours.includes(name))
    .map((container) => {
      let partial: JsonObject = { name: container['name'] ?? '' };
      for (const fragment of composition.everyContainer) {
        partial = mergePartial(
          partial,
          fitMounts(container, withoutSecondHook(fragment, container, spec), {
            composition,
            names,
          }),
        );
      }
      return partial;
    });
}

/** A hook of the app's own stays the only one; and one that outlasts the pod's grace would be refused. */
function withoutSecondHook(
  fragment: JsonObject,
  container: JsonObject,
  spec: JsonObject,
): JsonObject {
  const { lifecycle, ...rest } = fragment;
  const sleep = objectAt(objectAt(objectAt(fragment, 'lifecycle'), 'preStop'), 'sleep');
  const graceS = graceOf(spec);
  const isTooLong =
    typeof sleep['seconds'] === 'number' && graceS !== undefined && sleep['seconds'] >= graceS;
  const hasOwn = isObject(objectAt(container, 'lifecycle')['preStop']);
  return lifecycle === undefined || hasOwn || isTooLong ? rest : fragment;
}

/** Where a container already mounts a volume, that mount is used, and its path becomes the value of the path's variable. */
function fitMounts(
  container: JsonObject,
  fragment: JsonObject,
  { composition, names }: Pick<Fitting, 'composition' | 'names'>,
): JsonObject {
  const { volumeMounts, ...rest } = withVolumeNames(fragment, names);
  const paths: Record<string, string> = {};
  const missing = (isArray(volumeMounts) ? volumeMounts : []).filter((mount) => {
    const standing = isObject(mount)
      ? mountPathOf(container, stringAt(mount, 'name') ?? '')
      : undefined;
    if (!isObject(mount) || standing === undefined) return true;
    const variable = onlyVariable(stringAt(mount, 'mountPath') ?? '');
    if (variable !== undefined) setMember(paths, variable, standing);
    return false;
  });
  const left = missing.length === 0 ? rest : { ...rest, volumeMounts: missing };
  return substituteObject(left, { ...composition.variables, ...paths });
}

type SidecarLists = Record<'containers' | 'initContainers', Json[]>;

interface FittedSidecars {
  readonly partial: JsonObject;
  readonly replacements: readonly Replacement[];
  readonly before: ReadonlyMap<string, string>;
}

function fitSidecars(fitting: Fitting, envoy: EnvoyTarget['serving']): FittedSidecars {
  const { composition, trace } = fitting;
  const lists: SidecarLists = { containers: [], initContainers: [] };
  const replacements: Replacement[] = [];
  const before = new Map<string, string>();
  const shared = sharedResources(fitting);
  for (const sidecar of composition.sidecars) {
    const name = stringAt(sidecar, 'name') ?? '';
    const whole = withoutPodLevel(sidecar, shared, fitting.settings);
    const container = withVolumeNames(whole, fitting.names);
    const overlay = overlayOf(fitting, name);
    if (overlay !== undefined) {
      lists[overlay.list].push(completionOf(withoutHandlers(container, overlay.own), overlay));
      replacements.push(...overlay.replacements(container));
      trace.say(
        'helper_overlay',
        `the pod's own "${name}" without an image is completed; its values win`,
      );
      if (overlay.list === 'containers')
        warnOfEnvoy(fitting, envoy, `move "${name}" to initContainers`);
    } else if (composition.variables['nativeSidecar'] === true) {
      lists.initContainers.push({ ...container, restartPolicy: 'Always' });
      if (envoy?.list === 'initContainers') {
        before.set(`/spec/initContainers/name=${name}`, envoy.container);
      }
      trace.say(
        'native_sidecar',
        `"${name}" starts before the app's containers and stops after them`,
      );
    } else {
      lists.containers.push(container);
      trace.say('helper_added', `"${name}" stands after the app's containers`);
      warnOfEnding(fitting, name);
      warnOfEnvoy(fitting, envoy, `set ${annotationKey('native-sidecar')}: "true"`);
    }
  }
  return { partial: lists, replacements, before };
}

function sharedResources({ spec, composition, trace }: Fitting): ReadonlySet<string> {
  const shared = podLevelResources(spec);
  if (shared.size > 0 && composition.sidecars.length > 0) {
    trace.say(
      'pod_level_resources',
      `spec.resources sets for the pod as a whole ${[...shared].sort().join(' and ')}, which the helper shares; it has resources of its own only where annotations set them`,
    );
  }
  return shared;
}

/** Beside an app that ends, a helper that does not keeps the pod, and its Job, from ending. */
function warnOfEnding({ spec, trace }: Fitting, name: string): void {
  const policy = stringAt(spec, 'restartPolicy') ?? 'Always';
  if (policy === 'Always') return;
  trace.warn(
    'pod_never_ends',
    `the pod is meant to end (restartPolicy: ${policy}), but "${name}" beside the app runs on; native sidecars end with the app: ${annotationKey('native-sidecar')}: "true" (Kubernetes 1.29 or later)`,
  );
}

/** Kubernetes ends native sidecars after the containers, so a helper that waits for such an Envoy waits in vain. */
function warnOfEnvoy({ trace }: Fitting, envoy: EnvoyTarget['serving'], remedy: string): void {
  if (envoy?.list !== 'initContainers') return;
  trace.warn(
    'helper_ends_first',
    `"${envoy.container}" is a native sidecar and the helper is not: each pod takes up to 20 s longer to end, and Envoy's last requests find no helper; ${remedy}`,
    annotationKey('native-sidecar'),
  );
}

interface Overlay {
  readonly own: JsonObject;
  readonly list: 'containers' | 'initContainers';
  readonly hasAutoImage: boolean;
  readonly replacements: (container: JsonObject) => readonly Replacement[];
}

/**
 * The user's own container of a sidecar's name: without an image, or with the image `auto`, it is an overlay and its
 * values win; with an image of its own it belongs to somebody else.
 */
function overlayOf({ spec }: Fitting, name: string): Overlay | undefined {
  for (const list of ['containers', 'initContainers'] as const) {
    const own = listAt(spec, list).find((item) => isObject(item) && item['name'] === name);
    if (!isObject(own)) continue;
    const image = own['image'];
    if (image !== undefined && image !== '' && image !== 'auto') {
      throw new AppError(
        'CONTAINER_CONFLICT',
        `the pod has a container "${name}" with an image of its own; remove it, or leave out its image (or write "auto") so that the injected one is completed with its settings`,
        { facts: { container: name } },
      );
    }
    const hasAutoImage = image !== undefined;
    const path = `/spec/${list}/name=${name}/image`;
    return {
      own,
      list,
      hasAutoImage,
      replacements: (container) =>
        hasAutoImage && container['image'] !== undefined ? [{ path, now: container['image'] }] : [],
    };
  }
  return undefined;
}

const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;
const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const;

/** A probe asks in one way: where the overlay has its own, ours is left out of the completion. */
function withoutHandlers(container: JsonObject, own: JsonObject): JsonObject {
  const completed: Record<string, Json | undefined> = { ...container };
  for (const probe of probes) {
    const theirs = objectAt(own, probe);
    if (!handlers.some((handler) => isObject(theirs[handler]) && handler !== 'httpGet')) continue;
    const { httpGet: _, ...rest } = objectAt(container, probe);
    completed[probe] = rest;
  }
  return completed;
}

/** What an overlay lacks; among the init containers a helper must be a native sidecar, or the app would never start. */
function completionOf(container: JsonObject, overlay: Overlay): JsonObject {
  const native = overlay.list === 'initContainers' ? { restartPolicy: 'Always' } : {};
  if (!overlay.hasAutoImage) return { ...container, ...native };
  const { image, ...rest } = container;
  return { ...rest, ...native };
}

function warnOfPorts({ spec, composition, trace }: Fitting): void {
  if (!composition.sidecars.some(({ name }) => name === helperContainer)) return;
  for (const container of lasting(spec)) {
    const ports = listAt(container, 'ports')
      .filter(isObject)
      .filter((port) => (port['protocol'] ?? 'TCP') === 'TCP')
      .map((port) => port['containerPort']);
    const clash = helperPorts.find((port) => ports.includes(port));
    if (clash === undefined || container['name'] === helperContainer) continue;
    trace.warn(
      'port_clash',
      `container "${stringAt(container, 'name') ?? ''}" declares port ${clash}, which the auth helper listens on: one of the two will not start`,
    );
  }
}

/** Containers that run as long as the helper does. */
function lasting(spec: JsonObject): readonly JsonObject[] {
  const sidecars = listAt(spec, 'initContainers').filter(isObject);
  return [
    ...sidecars.filter((container) => container['restartPolicy'] === 'Always'),
    ...listAt(spec, 'containers').filter(isObject),
  ];
}
