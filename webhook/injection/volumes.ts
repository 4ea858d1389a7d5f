/** Existing volumes are used, not added again. */
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { withoutTail } from '#kernel/text.ts';

/** Name in the template → name in the pod. */
export type VolumeNames = ReadonlyMap<string, string>;

/** Longest name of a volume (RFC 1123 label). */
const maxNameLength = 63;

/**
 * For each of the templates' volumes the name it has in the pod: that of a volume which carries the same thing, or
 * its own, or, where another volume has taken it, one beside it. One that takes the place of another keeps its own name.
 * @param claims names of a StatefulSet's claims, which take the place of a volume of the same name in its pods
 */
export function volumeNames(
  spec: JsonObject,
  wanted: readonly Json[],
  claims: readonly string[] = [],
): VolumeNames {
  const present = listAt(spec, 'volumes').filter(isObject);
  const taken = new Set([...present.map((volume) => volume['name']), ...claims]);
  const names = new Map<string, string>();
  for (const volume of wanted.filter(isObject)) {
    const name = stringAt(volume, 'name') ?? '';
    const same = present.find((candidate) => carriesSame(candidate, volume));
    const isFixed = volume['$patch'] !== undefined;
    names.set(name, isFixed ? name : (stringAt(same, 'name') ?? freeName(name, taken)));
  }
  return names;
}

function freeName(name: string, taken: ReadonlySet<Json | undefined>): string {
  let free = name;
  for (let count = 1; taken.has(free); count += 1) {
    const suffix = count === 1 ? '-svidecar' : `-svidecar-${count}`;
    free = name.slice(0, maxNameLength - suffix.length) + suffix;
  }
  return free;
}

/** The same CSI driver, directory of the node, or ConfigMap. */
export function carriesSame(present: JsonObject, wanted: JsonObject): boolean {
  const driver = stringAt(objectAt(wanted, 'csi'), 'driver');
  if (driver !== undefined) return stringAt(objectAt(present, 'csi'), 'driver') === driver;
  const path = stringAt(objectAt(wanted, 'hostPath'), 'path');
  if (path !== undefined) {
    return withoutTail(stringAt(objectAt(present, 'hostPath'), 'path') ?? '', '/') === path;
  }
  const configMap = stringAt(objectAt(wanted, 'configMap'), 'name');
  return configMap !== undefined && stringAt(objectAt(present, 'configMap'), 'name') === configMap;
}

/** The container with its mounts named as the pod names the volumes. */
export function withVolumeNames(container: JsonObject, names: VolumeNames): JsonObject {
  const mounts = container['volumeMounts'];
  if (!Array.isArray(mounts)) return container;
  const renamed = listAt(container, 'volumeMounts').map((mount) => {
    const name = isObject(mount) ? names.get(stringAt(mount, 'name') ?? '') : undefined;
    return isObject(mount) && name !== undefined ? { ...mount, name } : mount;
  });
  return { ...container, volumeMounts: renamed };
}

/** Where a container already mounts a whole volume. */
export function mountPathOf(container: JsonObject, volume: string): string | undefined {
  const mount = listAt(container, 'volumeMounts').find(
    (item) => isObject(item) && item['name'] === volume && !isPartOfVolume(item),
  );
  const path = isObject(mount) ? stringAt(mount, 'mountPath') : undefined;
  return path === undefined ? undefined : withoutTail(path, '/');
}

function isPartOfVolume(mount: JsonObject): boolean {
  return mount['subPath'] !== undefined || mount['subPathExpr'] !== undefined;
}
