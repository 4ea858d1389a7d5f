/** Which ConfigMap's key a file of a volume is, as the kubelet fills volumes. */
import { own } from '#kernel/members.ts';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { cleanInside } from './mounted-path.ts';

/** Keys of a ConfigMap of the pod's namespace; undefined = it is not known, or not there. */
export type KeysOf = (name: string) => readonly string[] | undefined;

export interface ConfigMapKey {
  readonly configMap: string;
  readonly key: string;
  /** Path inside the volume to what names the ConfigMap. */
  readonly at: string;
  /** The value there. */
  readonly source: JsonObject;
  /** Sources of the same volume that hide its files where they have the same paths. */
  readonly later: readonly JsonObject[];
}

export type VolumeFile =
  | ({
      readonly kind: 'key';
      /** Half a sentence: what would change it. */
      readonly doubt: string | undefined;
    } & ConfigMapKey)
  /** Half a sentence about the volume: where the file comes from instead. */
  | { readonly kind: 'elsewhere'; readonly why: string };

/** How messages describe each kind of volume other than a ConfigMap, and what to do with it. */
const kinds: ReadonlyMap<string, string> = new Map([
  [
    'secret',
    'is Secret {secretName}, which svidecar does not read: move the configuration into a ConfigMap, and leave only keys and passwords in the Secret',
  ],
  [
    'persistentVolumeClaim',
    'is the claim {claimName}, whose files only the running pod sees: mount the configuration from a ConfigMap instead',
  ],
  [
    'ephemeral',
    'is a claim of the pod, whose files only the running pod sees: mount the configuration from a ConfigMap instead',
  ],
  ['emptyDir', 'is an emptyDir, so the file is written while the pod starts'],
  ['hostPath', "is the node's {path}: mount the configuration from a ConfigMap instead"],
  [
    'downwardAPI',
    "is made of the pod's own fields (downwardAPI): mount the configuration from a ConfigMap instead",
  ],
  ['csi', 'comes from the CSI driver {driver}: mount the configuration from a ConfigMap instead'],
  ['image', 'is the image {reference}: mount the configuration from a ConfigMap instead'],
]);

export function fileIn(volume: JsonObject, inside: string, keysOf: KeysOf): VolumeFile {
  if (isObject(volume['configMap'])) return inConfigMap(volume['configMap'], inside);
  if (isObject(volume['projected'])) return inProjected(volume['projected'], inside, keysOf);
  const kind = Object.keys(volume).find(
    (member) => member !== 'name' && isObject(own(volume, member)),
  );
  if (kind === undefined) return elsewhere('is an emptyDir, as it names no kind');
  const description =
    kinds.get(kind) ?? `is of the kind ${kind}: mount the configuration from a ConfigMap instead`;
  const values = objectAt(volume, kind);
  return elsewhere(
    description.replace(/ ?\{(\w+)\}/, (_all, member: string) => {
      const value = stringAt(values, member);
      return value === undefined ? '' : ` ${value}`;
    }),
  );
}

function elsewhere(why: string): VolumeFile {
  return { kind: 'elsewhere', why };
}

function inConfigMap(source: JsonObject, inside: string): VolumeFile {
  const configMap = stringAt(source, 'name') ?? '';
  const items = itemsOf(source);
  const found = { configMap, at: 'configMap', source, later: [], doubt: undefined };
  if (items !== undefined) {
    const key = items.get(inside);
    if (key !== undefined) return { kind: 'key', ...found, key };
    return elsewhere(
      inside === ''
        ? aDirectory
        : `takes from ConfigMap ${configMap} only what its items list, and no ${inside} is among them`,
    );
  }
  if (inside === '') return elsewhere(aDirectory);
  if (inside.includes('/'))
    return elsewhere(
      `is ConfigMap ${configMap} without items, which has no folders, so no ${inside}`,
    );
  return { kind: 'key', ...found, key: inside };
}

const aDirectory =
  'is a directory at this path, and not a file: name a file in it, or mount one with subPath';

/** Path → key; of two items with one path the later counts. Undefined: every key is a file. */
export function itemsOf(source: JsonObject): ReadonlyMap<string, string> | undefined {
  const items = listAt(source, 'items').filter(isObject);
  if (items.length === 0) return undefined;
  return new Map(
    items.map((item) => [cleanInside(stringAt(item, 'path') ?? ''), stringAt(item, 'key') ?? '']),
  );
}

/** What one source of a projected volume has at a path. */
type Holding =
  | { readonly kind: 'lacks' }
  /** `isSure`: it is there; otherwise it may be. */
  | { readonly kind: 'holds'; readonly isSure: boolean; readonly key: ConfigMapKey }
  | { readonly kind: 'other'; readonly isSure: boolean; readonly what: string };

/** Of the sources that have the file, the last one's is what the container sees. */
function inProjected(projected: JsonObject, inside: string, keysOf: KeysOf): VolumeFile {
  if (inside === '') return elsewhere(aDirectory);
  const sources = listAt(projected, 'sources').map((source) => (isObject(source) ? source : {}));
  const holding = sources.map((source, index): Holding => {
    const { configMap } = source;
    if (!isObject(configMap)) return holdingOther(source, inside);
    const at = `projected/sources/${index}/configMap`;
    return holdingConfigMap(
      { source: configMap, at, later: sources.slice(index + 1) },
      inside,
      keysOf,
    );
  });
  const candidates = holding.filter((each) => each.kind !== 'lacks');
  const last = candidates.at(-1);
  if (last === undefined) return elsewhere(`is projected, and none of its sources has ${inside}`);
  if (last.kind === 'other')
    return elsewhere(
      last.isSure || candidates.length === 1
        ? `takes ${inside} from ${last.what}: take the configuration from a ConfigMap instead`
        : `is projected from several sources, and ${last.what} may hold ${inside} too: list what each of them brings under items`,
    );
  const { configMap } = last.key;
  const isOneOfSeveral = !last.isSure && candidates.length > 1;
  // An optional one without the file would leave that of another source, unpatched; without a required one no pod starts.
  if (isOneOfSeveral && last.key.source['optional'] === true)
    return elsewhere(
      `is projected from several sources, and whether the optional ConfigMap ${configMap} holds ${inside} is not known: create it first, or list what each source brings under items`,
    );
  const doubt = isOneOfSeveral
    ? `ConfigMap ${configMap} is not there yet, and of the volume's sources it is the last that may hold ${inside}: if it does not, its copy is not made and the pods wait; list what each source brings under items`
    : doubtOf(last.key, inside);
  return { kind: 'key', ...last.key, doubt };
}

/** Later sources without items that do not have the file now. */
function doubtOf({ later }: ConfigMapKey, inside: string): string | undefined {
  const names = later
    .filter(isOpenEnded)
    .map((source) => stringAt(objectAt(source, 'configMap'), 'name') ?? '');
  return names.length === 0
    ? undefined
    : `ConfigMap ${names.join(' and ')} stands later in the same volume without items: a key ${inside} added to it would hide the patched file; list what it brings under items`;
}

function isOpenEnded({ configMap }: JsonObject): boolean {
  return isObject(configMap) && itemsOf(configMap) === undefined;
}

function holdingConfigMap(
  place: Pick<ConfigMapKey, 'source' | 'at' | 'later'>,
  inside: string,
  keysOf: KeysOf,
): Holding {
  const configMap = stringAt(place.source, 'name') ?? '';
  const items = itemsOf(place.source);
  const listed = items?.get(inside);
  if (listed !== undefined)
    return { kind: 'holds', isSure: true, key: { ...place, configMap, key: listed } };
  if (items !== undefined || inside.includes('/')) return { kind: 'lacks' };
  const keys = keysOf(configMap);
  if (keys?.includes(inside) === false) return { kind: 'lacks' };
  return { kind: 'holds', isSure: keys !== undefined, key: { ...place, configMap, key: inside } };
}

/** Paths at which a source of a projected volume has files; undefined = not known. */
export function pathsBrought(source: JsonObject, keysOf: KeysOf): readonly string[] | undefined {
  const { configMap } = source;
  if (isObject(configMap)) {
    const items = itemsOf(configMap);
    return items === undefined ? keysOf(stringAt(configMap, 'name') ?? '') : [...items.keys()];
  }
  const [kind = 'nothing'] = Object.keys(source);
  return pathsOf(kind, objectAt(source, kind))?.map(cleanInside);
}

function holdingOther(source: JsonObject, inside: string): Holding {
  const [kind = 'nothing'] = Object.keys(source);
  const values = objectAt(source, kind);
  const name = stringAt(values, 'name');
  const what = kind === 'secret' ? `Secret ${name ?? ''}` : `its source ${kind}`;
  const paths = pathsOf(kind, values);
  if (paths === undefined)
    return inside.includes('/') && kind === 'secret'
      ? { kind: 'lacks' }
      : { kind: 'other', isSure: false, what };
  return paths.map(cleanInside).includes(inside)
    ? { kind: 'other', isSure: true, what }
    : { kind: 'lacks' };
}

/** Undefined where the source does not name them. */
function pathsOf(kind: string, values: JsonObject): readonly string[] | undefined {
  switch (kind) {
    case 'secret':
    case 'downwardAPI': {
      const items = listAt(values, 'items').filter(isObject);
      if (items.length === 0 && kind === 'secret') return undefined;
      return items.map((item) => stringAt(item, 'path') ?? '');
    }
    case 'serviceAccountToken':
    case 'clusterTrustBundle':
      return [stringAt(values, 'path') ?? ''];
    case 'podCertificate':
      return ['credentialBundlePath', 'keyPath', 'certificateChainPath'].flatMap(
        (member) => stringAt(values, member) ?? [],
      );
    default:
      return undefined;
  }
}
