/** At which paths a container sees the keys of one ConfigMap: for files that an Envoy configuration names. */
import { mountAt, type Mount } from './mounted-path.ts';
import { itemsOf, pathsBrought, type ConfigMapKey, type KeysOf } from './volume-file.ts';

/**
 * Path → key. A path that ends in `/` is a folder, and its key `*`: every key is a file of its own name there. An empty
 * key: something else is there. The longest path that fits counts.
 */
export type SeenFiles = Readonly<Record<string, string>>;

/** With more mounts, items or paths, files other than the main one are unknown. */
const maxPaths = 64;

interface Found {
  /** Name of the volume. */
  readonly volume: string;
  readonly key: ConfigMapKey;
  readonly keysOf: KeysOf;
}

/** Undefined where it is too much, or not known. */
export function seenFiles(mounts: readonly Mount[], found: Found): SeenFiles | undefined {
  const shown = filesOf(found);
  if (shown === undefined || mounts.length > maxPaths || shown.length > maxPaths) return undefined;
  const own = mounts.filter(({ volume }) => volume === found.volume);
  const seen = new Map(
    mounts.flatMap((mount): readonly File[] => {
      if (mount.volume !== found.volume || mount.kind !== 'mount') return hiding(mount, own);
      const files = shown.flatMap((file) => atMount(file, mount));
      return files.filter(([path]) => mountAt(mounts, path.replace(/\/$/, '')) === mount);
    }),
  );
  return seen.size > maxPaths ? undefined : Object.fromEntries(seen);
}

/** Another mount inside one of ours. */
function hiding({ mountPath }: Mount, own: readonly Mount[]): readonly File[] {
  const isInside = own.some((mount) => mountPath.startsWith(`${mount.mountPath}/`));
  return isInside
    ? [
        [mountPath, ''],
        [`${mountPath}/`, ''],
      ]
    : [];
}

type File = readonly [path: string, key: string];

/** Paths inside the volume → keys of the ConfigMap; `''` → `*` where every key is a file. */
function filesOf({ key: { source, later }, keysOf }: Found): readonly File[] | undefined {
  const files = new Map<string, string>(itemsOf(source) ?? [['', '*']]);
  for (const other of later) {
    const paths = pathsBrought(other, keysOf);
    if (paths === undefined) return undefined;
    for (const path of paths) files.set(path, '');
  }
  return [...files];
}

/** Where the container sees it. */
function atMount(
  [path, key]: File,
  { mountPath, subPath }: Extract<Mount, { kind: 'mount' }>,
): readonly File[] {
  if (key === '*') return [subPath === '' ? [`${mountPath}/`, key] : [mountPath, subPath]];
  if (path === subPath) return [[mountPath, key]];
  if (subPath === '') return [[`${mountPath}/${path}`, key]];
  return path.startsWith(`${subPath}/`) ? [[`${mountPath}${path.slice(subPath.length)}`, key]] : [];
}
