/** Which volume contains a path of a container, and under which path there: mounts as the kubelet makes them. */
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { Environment } from './environment.ts';
import { knownText, unknownIn } from './partial-text.ts';

export interface MountedPath {
  readonly volume: string;
  /** Where the mount is, without a slash at its end; empty = the root. */
  readonly mountPath: string;
  /** Path inside the volume; empty = the volume itself. */
  readonly inside: string;
}

/** Without `.`, `..` and doubled slashes; a relative one counts from the root, as the kubelet treats mount paths. */
export function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') kept.pop();
    else if (name !== '' && name !== '.') kept.push(name);
  }
  return kept.map((name) => `/${name}`).join('');
}

/** The same for a path inside a volume. `..data` is where a ConfigMap's volume keeps its files, behind links. */
export function cleanInside(path: string): string {
  return cleanPath(path)
    .replace(/^\/\.\.data(?=\/|$)/, '')
    .slice(1);
}

export type Mount =
  | (Omit<MountedPath, 'inside'> & { readonly kind: 'mount'; readonly subPath: string })
  /** Half a sentence: why its sub-path is not known. */
  | (Omit<MountedPath, 'inside'> & { readonly kind: 'unknown'; readonly why: string });

/** In the order in which they cover each other: deeper ones, and later ones, on top. */
export function mountsOf(container: JsonObject, environment: Environment): readonly Mount[] {
  return listAt(container, 'volumeMounts')
    .filter(isObject)
    .map((mount) => mountOf(mount, environment))
    .sort((left, right) => depthOf(left) - depthOf(right));
}

function depthOf({ mountPath }: Mount): number {
  return mountPath.split('/').length;
}

function mountOf(mount: JsonObject, { expand }: Environment): Mount {
  const volume = textAt(mount, 'name');
  const mountPath = cleanPath(textAt(mount, 'mountPath'));
  const expression = textAt(mount, 'subPathExpr');
  if (expression === '')
    return { kind: 'mount', volume, mountPath, subPath: cleanInside(textAt(mount, 'subPath')) };
  const expanded = expand(expression);
  const subPath = knownText(expanded) ?? '';
  const unset = unsetIn(subPath);
  const reason =
    unset === undefined ? unknownIn(expanded)?.why : `the container's env does not set ${unset}`;
  if (reason === undefined)
    return { kind: 'mount', volume, mountPath, subPath: cleanInside(subPath) };
  const why = `which file is mounted at ${mountPath} is not known (subPathExpr): ${reason}`;
  return { kind: 'unknown', volume, mountPath, why };
}

function textAt(mount: JsonObject, key: string): string {
  return stringAt(mount, key) ?? '';
}

/** Name of a variable that nobody set, in a text in which all others are filled in. Cost: linear. */
export function unsetIn(text: string): string | undefined {
  const start = text.indexOf('$(');
  const end = start === -1 ? -1 : text.indexOf(')', start);
  return end === -1 ? undefined : text.slice(start + 2, end);
}

/** The mount that contains a clean path; undefined = the image. */
export function mountAt(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts.findLast(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
}

/** The path as its volume knows it. */
export function insideOf(mount: Extract<Mount, { kind: 'mount' }>, path: string): string {
  const below = cleanInside(path.slice(mount.mountPath.length));
  return cleanInside(`${mount.subPath}/${below}`);
}
