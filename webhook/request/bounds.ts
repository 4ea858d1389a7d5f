/**
 * How large a pod template may be for injection. An admission webhook sees an object before the API
 * server has validated it: without its own limits, anybody could make every loop and pattern over it run as long as they like.
 */
import { isArray, isObject, listAt, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import { isOurs } from './metadata-keys.ts';

/** All annotations of an object together. @see Kubernetes TotalAnnotationSizeLimitB */
const maxAnnotationBytes = 256 * 1024;
/** Several times what the largest hand-written pods have. */
const maxEntries: ReadonlyMap<string, number> = new Map([
  ['annotations', 2_000],
  ['labels', 2_000],
  ['containers', 200],
  ['initContainers', 200],
  ['ephemeralContainers', 200],
  ['volumes', 1_000],
  ['imagePullSecrets', 200],
  ['volumeMounts', 1_000],
  ['volumeDevices', 1_000],
  ['env', 5_000],
  ['envFrom', 1_000],
  ['ports', 1_000],
  ['args', 5_000],
  ['command', 5_000],
  ['sources', 200],
  ['items', 2_000],
]);
/** Characters. Names of objects have at most 253, those of variables any number, a path 4,096 (PATH_MAX). */
const maxLengths: ReadonlyMap<string, number> = new Map([
  ['name', 1_024],
  ['serviceAccountName', 253],
  ['image', 1_024],
  ['mountPath', 4_096],
  ['subPath', 4_096],
  ['subPathExpr', 4_096],
  ['workingDir', 4_096],
  ['path', 4_096],
  ['key', 253],
]);

/** A place that exceeds a limit. */
interface Excess {
  /** From where the search began: `.containers[0].image`. Put together on the way back, as hardly any pod has one. */
  readonly path: string;
  readonly what: string;
}

/** What in a pod template exceeds the limits, as a sentence; undefined where nothing does. O(size of the template). */
export function boundsFault(template: JsonObject): string | undefined {
  const metadata = objectAt(template, 'metadata');
  const spec = objectAt(template, 'spec');
  return (
    sentence('metadata', excessIn(metadata, 0)) ??
    annotationsFault(objectAt(metadata, 'annotations')) ??
    sentence('spec', excessIn(spec, 0)) ??
    (['volumes', 'containers', 'initContainers', 'ephemeralContainers'] as const)
      .map((list) => sentence(`spec.${list}`, excessInItems(listAt(spec, list), 2)))
      .find((fault) => fault !== undefined)
  );
}

function sentence(from: string, excess: Excess | undefined): string | undefined {
  return excess === undefined ? undefined : `${shown(from + excess.path)} ${excess.what}`;
}

/** Only ours are read; others do not matter, however long. */
function annotationsFault(annotations: JsonObject): string | undefined {
  const bytes = Object.entries(annotations)
    .filter(([key]) => isOurs(key))
    .reduce(
      (sum, [key, value]) => sum + key.length + (typeof value === 'string' ? value.length : 0),
      0,
    );
  return bytes <= maxAnnotationBytes
    ? undefined
    : `its svidecar.dev annotations have ${bytes} characters; Kubernetes takes ${maxAnnotationBytes} bytes`;
}

/** Checks the fields of an object, and of what is in it, so many levels down. */
function excessIn(object: JsonObject, levels: number): Excess | undefined {
  for (const [field, value] of Object.entries(object)) {
    const what = typeof value === 'string' ? tooLong(field, value) : tooMany(field, value);
    if (what !== undefined) return { path: `.${field}`, what };
    if (levels === 0) continue;
    const inside = isObject(value)
      ? excessIn(value, levels - 1)
      : excessInItems(isArray(value) ? value : [], levels - 1);
    if (inside !== undefined) return { ...inside, path: `.${field}${inside.path}` };
  }
  return undefined;
}

function excessInItems(list: readonly Json[], levels: number): Excess | undefined {
  for (const [index, item] of list.entries()) {
    const excess = isObject(item) ? excessIn(item, levels) : undefined;
    if (excess !== undefined) return { ...excess, path: `[${index}]${excess.path}` };
  }
  return undefined;
}

function tooLong(field: string, value: string): string | undefined {
  const most = maxLengths.get(field);
  return most === undefined || value.length <= most
    ? undefined
    : `has ${value.length} characters; the limit is ${most}`;
}

function tooMany(field: string, value: Json | undefined): string | undefined {
  if (!isObject(value) && !isArray(value)) return undefined;
  const most = maxEntries.get(field);
  if (most === undefined) return undefined;
  const entries = Object.keys(value).length;
  return entries <= most ? undefined : `has ${entries} entries; the limit is ${most}`;
}

function shown(path: string): string {
  return path.length > 200 ? `${path.slice(0, 200)}…` : path;
}
