/** Which container of a pod is Envoy, and which ConfigMap holds the file that it reads. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { afterLast, before, withoutTail } from '#kernel/text.ts';
import { helperContainer } from '../../sidecar/config/contract.ts';
import { annotationKey } from './contract.ts';

export interface EnvoyLocation {
  readonly container: string;
  readonly image: string | undefined;
  /** List of the pod's spec that the container stands in. */
  readonly list: 'containers' | 'initContainers';
  /** The user's ConfigMap and the key in it that Envoy reads. */
  readonly configMap: string;
  readonly file: string;
  /** Where the ConfigMap is mounted in the container. */
  readonly directory: string;
  /** Keyed path to the ConfigMap's name in the pod template. */
  readonly namePath: string;
}

export interface EnvoyHints {
  readonly container: string | undefined;
  /** `<volume>/<file>` */
  readonly config: string | undefined;
}

/** The path that Envoy's images read when no option names another. */
const defaultConfigPath = '/etc/envoy/envoy.yaml';

/** @throws {AppError} ENVOY_CONTAINER_NOT_FOUND, ENVOY_CONFIG_NOT_FOUND */
export function locateEnvoy(spec: JsonObject, hints: EnvoyHints): EnvoyLocation {
  const found = findContainer(spec, hints.container);
  const name = stringAt(found.container, 'name') ?? '';
  const place =
    hints.config === undefined
      ? mountedFile(found.container, configPath(found.container))
      : hintedFile(found.container, hints.config);
  const volume = listAt(spec, 'volumes').find(
    (item) => isObject(item) && item['name'] === place.volume,
  );
  if (!isObject(volume)) {
    throw notFound(name, `the pod has no volume "${place.volume}"`);
  }
  return {
    container: name,
    image: stringAt(found.container, 'image'),
    list: found.list,
    directory: place.directory,
    ...configMapOf(volume, { file: place.file, container: name }),
  };
}

function isEnvoy(container: JsonObject): boolean {
  const name = stringAt(container, 'name') ?? '';
  const image = before(before(afterLast(stringAt(container, 'image') ?? '', '/'), '@'), ':');
  const words = [...listAt(container, 'command'), ...listAt(container, 'args')];
  return (
    name === 'envoy' ||
    /^envoy(-[a-z0-9-]+)?$/.test(image) ||
    words.some((word) => typeof word === 'string' && /(^|\/)envoy$/.test(word))
  );
}

interface FoundContainer {
  readonly container: JsonObject;
  readonly list: EnvoyLocation['list'];
}

function findContainer(spec: JsonObject, hint: string | undefined): FoundContainer {
  const all = (['containers', 'initContainers'] as const).flatMap((list) =>
    listAt(spec, list)
      .filter(isObject)
      .map((container): FoundContainer => ({ container, list })),
  );
  const names = all.map(({ container }) => stringAt(container, 'name') ?? '');
  const key = annotationKey('envoy-container');
  const candidates = all.filter(({ container }) =>
    hint === undefined
      ? isEnvoy(container) && container['name'] !== helperContainer
      : container['name'] === hint,
  );
  const [found, second] = candidates;
  if (found !== undefined && second === undefined) return found;
  const reason =
    hint !== undefined
      ? `annotation ${key} names "${hint}", which the pod does not have`
      : found === undefined
        ? `no container looks like Envoy (by its name, image or command); name it in the annotation ${key}`
        : `several containers look like Envoy; name one in the annotation ${key}`;
  throw new AppError('ENVOY_CONTAINER_NOT_FOUND', `${reason}. Containers: ${names.join(', ')}`);
}

/** The value of `-c` or `--config-path`, also inside a shell's command line. */
function configPath(container: JsonObject): string {
  const words = [...listAt(container, 'command'), ...listAt(container, 'args')]
    .filter((word): word is string => typeof word === 'string')
    .flatMap((word) => (/\s/.test(word) ? word.split(/\s+/) : [word]));
  for (const [index, word] of words.entries()) {
    const joined = /^(?:--config-path|-c)=(.+)$/.exec(word)?.[1];
    if (joined !== undefined) return unquoted(joined);
    const next = unquoted(words[index + 1] ?? '');
    if ((word === '-c' || word === '--config-path') && next.startsWith('/')) return next;
  }
  return defaultConfigPath;
}

function unquoted(word: string): string {
  return word.replaceAll(/^['"]|['"]$/g, '');
}

interface MountedFile {
  readonly volume: string;
  /** Path of the file inside the volume. */
  readonly file: string;
  readonly directory: string;
}

function mountsOf(container: JsonObject): readonly JsonObject[] {
  return listAt(container, 'volumeMounts').filter(isObject);
}

/** The volume whose mount holds the path: the longest mount path wins, as in the kernel. */
function mountedFile(container: JsonObject, path: string): MountedFile {
  const [best] = mountsOf(container)
    .map((mount) => fileInMount(mount, path))
    .filter((file) => file !== undefined)
    .sort((left, right) => right.depth - left.depth);
  if (best !== undefined) return best;
  throw notFound(
    stringAt(container, 'name') ?? '',
    `no volume of it is mounted at ${path}, the file it reads`,
  );
}

function fileInMount(
  mount: JsonObject,
  path: string,
): (MountedFile & { depth: number }) | undefined {
  const directory = withoutTail(stringAt(mount, 'mountPath') ?? '', '/');
  const subPath = stringAt(mount, 'subPath');
  const volume = stringAt(mount, 'name') ?? '';
  const depth = directory.length;
  if (directory === path) {
    const [, parent = '', name = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
    return { volume, file: subPath ?? name, directory: parent, depth };
  }
  if (!path.startsWith(`${directory}/`)) return undefined;
  const inside = path.slice(depth + 1);
  return {
    volume,
    file: subPath === undefined ? inside : `${subPath}/${inside}`,
    directory,
    depth,
  };
}

function hintedFile(container: JsonObject, hint: string): MountedFile {
  const [volume = '', file = ''] = hint.split('/', 2);
  const mount = mountsOf(container).find((item) => item['name'] === volume);
  if (mount === undefined) {
    throw notFound(
      stringAt(container, 'name') ?? '',
      `annotation ${annotationKey('envoy-config')} names volume "${volume}", which the container does not mount`,
    );
  }
  return { volume, file, directory: withoutTail(stringAt(mount, 'mountPath') ?? '', '/') };
}

interface WantedFile {
  readonly file: string;
  readonly container: string;
}

function configMapOf(
  volume: JsonObject,
  wanted: WantedFile,
): Pick<EnvoyLocation, 'configMap' | 'file' | 'namePath'> {
  const name = stringAt(volume, 'name') ?? '';
  const path = `/spec/volumes/name=${name}`;
  const direct = stringAt(objectAt(volume, 'configMap'), 'name');
  if (direct !== undefined) {
    const file = keyOf(objectAt(volume, 'configMap'), wanted.file);
    if (file !== undefined) return { configMap: direct, file, namePath: `${path}/configMap/name` };
  }
  const sources = listAt(objectAt(volume, 'projected'), 'sources');
  for (const [index, source] of sources.entries()) {
    const configMap = isObject(source) ? objectAt(source, 'configMap') : {};
    const projected = stringAt(configMap, 'name');
    const file = projected === undefined ? undefined : keyOf(configMap, wanted.file);
    if (projected !== undefined && file !== undefined) {
      return {
        configMap: projected,
        file,
        namePath: `${path}/projected/sources/${index}/configMap/name`,
      };
    }
  }
  throw notFound(
    wanted.container,
    `volume "${name}", from which it reads ${wanted.file}, takes that file from no ConfigMap`,
  );
}

/** The ConfigMap's key that appears as `file` in the volume; undefined when `items` leave it out. */
function keyOf(source: JsonObject, file: string): string | undefined {
  const items: readonly Json[] = listAt(source, 'items');
  if (items.length === 0) return file.includes('/') ? undefined : file;
  const item = items.find((candidate) => isObject(candidate) && candidate['path'] === file);
  return isObject(item) ? stringAt(item, 'key') : undefined;
}

function notFound(container: string, reason: string): AppError {
  return new AppError(
    'ENVOY_CONFIG_NOT_FOUND',
    `container "${container}": ${reason}. svidecar patches an Envoy configuration that comes from a ConfigMap; name it as <volume>/<file> in the annotation ${annotationKey('envoy-config')}`,
  );
}
