/** Volumes that are there already are used, not added again. */
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';

/** Name in the template → name in the pod. */
export type VolumeNames = ReadonlyMap<string, string>;

/**
 * For each of the templates' volumes the name it has in the pod: that of a volume which carries the same thing, or
 * its own, or, where another volume has taken it, one beside it.
 */
export function volumeNames(spec: JsonObject, wanted: readonly Json[]): VolumeNames {
  const present = listAt(spec, 'volumes').filter(isObject);
  const names = new Map<string, string>();
  for (const volume of wanted.filter(isObject)) {
    const name = stringAt(volume, 'name') ?? '';
    const same = present.find((candidate) => carriesSame(candidate, volume));
    const taken = present.some((candidate) => candidate['name'] === name);
    const own = taken && volume['$patch'] !== 'replace' ? `${name}-svidecar` : name;
    names.set(name, stringAt(same, 'name') ?? own);
  }
  return names;
}

/** The same CSI driver, directory of the node, or ConfigMap. */
function carriesSame(present: JsonObject, wanted: JsonObject): boolean {
  const driver = stringAt(objectAt(wanted, 'csi'), 'driver');
  if (driver !== undefined) return stringAt(objectAt(present, 'csi'), 'driver') === driver;
  const path = stringAt(objectAt(wanted, 'hostPath'), 'path');
  if (path !== undefined) {
    return stringAt(objectAt(present, 'hostPath'), 'path')?.replace(/\/+$/, '') === path;
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

/** Where a container already mounts a volume. */
export function mountPathOf(container: JsonObject, volume: string): string | undefined {
  const mount = listAt(container, 'volumeMounts').find(
    (item) => isObject(item) && item['name'] === volume,
  );
  return isObject(mount) ? stringAt(mount, 'mountPath')?.replace(/\/+$/, '') : undefined;
}
