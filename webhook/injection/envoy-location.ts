/** Which container of a pod is Envoy, and which ConfigMap holds the file that it reads. */
import { own } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import { startedByHandlers } from './reads/beside-the-command.ts';
import { findEnvoy, type FoundContainer } from './reads/find-envoy.ts';
import { environmentOf } from './reads/environment.ts';
import {
  cleanPath,
  insideOf,
  mountAt,
  mountsOf,
  cleanInside,
  type Mount,
} from './reads/mounted-path.ts';
import { readPath, type ReadPath } from './reads/read-path.ts';
import { seenFiles, type SeenFiles } from './reads/seen-files.ts';
import { fileIn, type KeysOf, type VolumeFile } from './reads/volume-file.ts';

export interface EnvoyLocation {
  readonly container: string;
  readonly image: string | undefined;
  /** List of the pod's spec that contains the container. */
  readonly list: 'containers' | 'initContainers';
  /** The user's ConfigMap and the key in it that Envoy reads. */
  readonly configMap: string;
  readonly file: string;
  /** Where the ConfigMap is mounted in the container. */
  readonly directory: string;
  /** Where the container sees the ConfigMap's keys; undefined = all of them in `directory`. */
  readonly paths: SeenFiles | undefined;
  /** Keyed path to the ConfigMap's name in the pod template. */
  readonly namePath: string;
  /** Whether it comes from the annotation, and not from the pod. */
  readonly isNamed: boolean;
  /** Sentences: what is not certain about it. */
  readonly doubts: readonly string[];
}

export interface EnvoyHints {
  readonly container: string | undefined;
  /** `<volume>/<file>` */
  readonly config: string | undefined;
}

/** What is known of the pod beyond its spec. */
export interface PodSurroundings {
  readonly keysOf: KeysOf;
  /** Names of the StatefulSet's claim templates. */
  readonly claims: readonly string[];
}

interface Pod extends PodSurroundings {
  readonly spec: JsonObject;
  readonly found: FoundContainer;
  readonly name: string;
  readonly mounts: readonly Mount[];
}

/** @throws {AppError} ENVOY_CONTAINER_NOT_FOUND, ENVOY_CONFIG_NOT_FOUND */
export function locateEnvoy(
  spec: JsonObject,
  hints: EnvoyHints,
  surroundings: PodSurroundings,
): EnvoyLocation {
  const found = findEnvoy(spec, hints.container);
  const { container } = found;
  const pod: Pod = {
    ...surroundings,
    spec,
    found,
    name: stringAt(container, 'name') ?? '',
    mounts: mountsOf(container, environmentOf(container)),
  };
  const read = readPath(container);
  if (read.kind === 'refused') throw notFound(pod, read.why);
  return hints.config === undefined ? byCommand(pod, read) : byAnnotation(pod, read, hints.config);
}

function byCommand(pod: Pod, read: Exclude<ReadPath, { kind: 'refused' }>): EnvoyLocation {
  if (read.kind === 'unknown')
    throw notFound(pod, `${read.why}${suggestion(pod, read.suggestions)}`);
  const { path, doubts } = read;
  const mount = mountAt(pod.mounts, path);
  if (mount === undefined)
    throw notFound(
      pod,
      `it reads ${path}, and no volume is mounted there, so the file comes from its image: put the configuration into a ConfigMap, and mount that there`,
    );
  if (mount.kind === 'unknown') throw notFound(pod, mount.why);
  const file = fileOf(pod, mount.volume, insideOf(mount, path));
  if (file.kind === 'elsewhere')
    throw notFound(
      pod,
      `it reads ${path}, and volume "${mount.volume}" ${file.why}${suggestion(pod, read.suggestions)}`,
    );
  return located(pod, { volume: mount.volume, file, path, isNamed: false, doubts });
}

function byAnnotation(
  pod: Pod,
  read: Exclude<ReadPath, { kind: 'refused' }>,
  hint: string,
): EnvoyLocation {
  const key = annotationKey('envoy-config');
  const slash = hint.indexOf('/');
  const volume = hint.slice(0, slash);
  const inside = cleanInside(hint.slice(slash + 1));
  const file = fileOf(pod, volume, inside);
  if (file.kind === 'elsewhere')
    throw notFound(pod, `annotation ${key} names ${hint}, and volume "${volume}" ${file.why}`);
  const mount = pod.mounts.find((each) => each.volume === volume);
  const path = mount === undefined ? `/${inside}` : pathOf(mount, inside);
  const other = read.kind === 'path' ? byCommandOrNothing(pod, read) : undefined;
  const contradicts =
    other !== undefined && (other.configMap !== file.configMap || other.file !== file.key);
  const contradiction = contradicts
    ? [
        `annotation ${key} names ${file.key} of ConfigMap ${file.configMap}, while the container's command line says that it reads ${other.file} of ConfigMap ${other.configMap}, which stays as it is: remove the annotation, or change the command line`,
      ]
    : [];
  const isAssumed = read.kind === 'path' && read.isAssumed;
  const doubts = [...contradiction, ...(isAssumed ? [] : read.doubts)];
  return located(pod, { volume, file, path, isNamed: true, doubts });
}

function byCommandOrNothing(pod: Pod, read: ReadPath): EnvoyLocation | undefined {
  try {
    return read.kind === 'path' && !read.isAssumed ? byCommand(pod, read) : undefined;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

function pathOf(mount: Mount, inside: string): string {
  const subPath = mount.kind === 'mount' ? mount.subPath : '';
  if (subPath === inside) return mount.mountPath;
  const below = inside.startsWith(`${subPath}/`) ? inside.slice(subPath.length + 1) : inside;
  return `${mount.mountPath}/${below}`;
}

interface Located {
  readonly volume: string;
  readonly file: Extract<VolumeFile, { kind: 'key' }>;
  readonly path: string;
  readonly isNamed: boolean;
  readonly doubts: readonly string[];
}

function located(pod: Pod, { volume, file, path, isNamed, doubts }: Located): EnvoyLocation {
  const seen = seenFiles(pod.mounts, { volume, key: file, keysOf: pod.keysOf }) ?? {
    [path]: file.key,
  };
  const [folder, second] = Object.keys(seen).filter((each) => own(seen, each) === '*');
  const isFolder = folder !== undefined && second === undefined;
  const directory = isFolder ? folder.slice(0, -1) : path.slice(0, path.lastIndexOf('/'));
  const isPlain = isFolder && Object.keys(seen).length === 1;
  return {
    container: pod.name,
    image: stringAt(pod.found.container, 'image'),
    list: pod.found.list,
    configMap: file.configMap,
    file: file.key,
    directory,
    paths: isPlain ? undefined : seen,
    namePath: `/spec/volumes/name=${volume}/${file.at}/name`,
    isNamed,
    doubts: [
      ...doubts,
      ...(file.doubt === undefined ? [] : [file.doubt]),
      ...startedByHandlers(pod.spec, pod.found.container),
    ],
  };
}

/** @throws {AppError} ENVOY_CONFIG_NOT_FOUND where the pod has no such volume */
function fileOf(pod: Pod, name: string, inside: string): VolumeFile {
  const volume = volumesOf(pod).find((item) => item['name'] === name);
  if (volume !== undefined) return fileIn(volume, inside, pod.keysOf);
  if (pod.claims.includes(name))
    return {
      kind: 'elsewhere',
      why: "is a claim of the StatefulSet's volumeClaimTemplates, whose files only the running pod sees: mount the configuration from a ConfigMap instead",
    };
  throw notFound(
    pod,
    `its configuration should be in volume "${name}", which the pod does not have`,
  );
}

function volumesOf({ spec }: Pod): readonly JsonObject[] {
  return listAt(spec, 'volumes').filter(isObject);
}

/** Which value of the annotation would say it, where the container's own script or environment tells. */
function suggestion(pod: Pod, paths: readonly string[]): string {
  const key = annotationKey('envoy-config');
  for (const path of paths.map(cleanPath)) {
    const mount = mountAt(pod.mounts, path);
    const volume = volumesOf(pod).find((item) => item['name'] === mount?.volume);
    if (mount?.kind !== 'mount' || volume === undefined) continue;
    const inside = insideOf(mount, path);
    if (canBeFile(inside) && fileIn(volume, inside, pod.keysOf).kind === 'key')
      return `. If it is made from ${path}, say ${key}: ${mount.volume}/${inside}`;
  }
  const fromConfigMaps = volumesOf(pod).filter((volume) => isObject(volume['configMap']));
  const names = fromConfigMaps
    .slice(0, 3)
    .map((volume) => `${stringAt(volume, 'name') ?? ''}/<file>`);
  return names.length === 0
    ? ''
    : `. If it is made from a ConfigMap of the pod, say ${key}: ${names.join(' or ')}`;
}

/** Keys of a ConfigMap have no other characters: a shell pattern is not a file. */
function canBeFile(inside: string): boolean {
  return /^[-._/a-zA-Z0-9]+$/.test(inside);
}

function notFound({ name }: Pod, reason: string): AppError {
  return new AppError(
    'ENVOY_CONFIG_NOT_FOUND',
    `container "${name}": ${reason}. svidecar patches an Envoy configuration that comes from a ConfigMap; where the pod does not tell which, ${annotationKey('envoy-config')}: <volume>/<file> does`,
    { facts: { container: name, key: annotationKey('envoy-config') } },
  );
}
