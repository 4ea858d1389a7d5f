/** Mounts that cannot coexist in one container: the later one hides the other, or the container does not start. */
import { AppError } from '#kernel/errors.ts';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';

/** Volumes whose contents Kubernetes writes: always mounted read-only. */
const readOnlySources = ['configMap', 'secret', 'downwardAPI', 'projected', 'image'] as const;

interface Mount {
  readonly volume: string;
  /** Without a slash at its end. */
  readonly path: string;
  readonly isReadOnly: boolean;
  readonly isWhole: boolean;
}

/**
 * @param own the container as it is in the pod
 * @param added what is wanted in it
 * @param volumes of the pod, once it is injected
 * @throws {AppError} POD_UNFIT, naming container, path and volume
 */
export function refuseMounts(own: JsonObject, added: JsonObject, volumes: readonly Json[]): void {
  const readOnly = readOnlyVolumes(volumes);
  const theirs = mountsOf(own, readOnly);
  const ours = mountsOf(added, readOnly);
  const devices = new Set(
    listAt(own, 'volumeDevices').map((device) => (isObject(device) ? device['devicePath'] : '')),
  );
  const container = stringAt(added, 'name') ?? '';
  for (const mount of ours) {
    const fault = devices.has(mount.path)
      ? 'one of its volume devices is there'
      : theirs.map((other) => clashOf(mount, other)).find((clash) => clash !== undefined);
    if (fault === undefined) continue;
    throw new AppError(
      'POD_UNFIT',
      `container "${container}" needs volume "${mount.volume}" at ${mount.path}, but ${fault}; mount that elsewhere (where the socket is mounted, socket.mountPath of the configuration says), or mount the socket's volume in the container yourself, and that mount is used`,
      { facts: { container } },
    );
  }
}

function clashOf(ours: Mount, theirs: Mount): string | undefined {
  if (ours.path === theirs.path) {
    if (ours.volume === theirs.volume && theirs.isWhole) return undefined;
    return `volumeMounts has ${theirs.isWhole ? '' : 'a part of '}volume "${theirs.volume}" there`;
  }
  if (theirs.path.startsWith(`${ours.path}/`) && ours.isReadOnly)
    return `volume "${theirs.volume}" is mounted inside it, at ${theirs.path}, where nothing can be created`;
  if (ours.path.startsWith(`${theirs.path}/`) && theirs.isReadOnly)
    return `that is in volume "${theirs.volume}", mounted at ${theirs.path === '' ? '/' : theirs.path}, which is read-only`;
  return undefined;
}

function mountsOf(container: JsonObject, readOnly: ReadonlySet<string>): readonly Mount[] {
  return listAt(container, 'volumeMounts')
    .filter(isObject)
    .map((mount) => {
      const volume = stringAt(mount, 'name') ?? '';
      return {
        volume,
        path: withoutSlashes(stringAt(mount, 'mountPath') ?? ''),
        isReadOnly: mount['readOnly'] === true || readOnly.has(volume),
        isWhole: mount['subPath'] === undefined && mount['subPathExpr'] === undefined,
      };
    });
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (path.charAt(end - 1) === '/') end -= 1;
  return path.slice(0, end);
}

function readOnlyVolumes(volumes: readonly Json[]): ReadonlySet<string> {
  return new Set(
    volumes
      .filter(isObject)
      .filter(
        (volume) =>
          readOnlySources.some((source) => volume[source] !== undefined) ||
          objectAt(volume, 'csi')['readOnly'] === true,
      )
      .map((volume) => stringAt(volume, 'name') ?? ''),
  );
}
