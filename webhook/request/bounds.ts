/**
 * How large a pod template may be for injection. An admission webhook sees an object before the API
 * server has validated it: without its own limits, anybody could make every loop and pattern over it run as long as they like.
 */
import { own } from '#kernel/members.ts';
import { isArray, isObject, listAt, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import { isOurs } from './metadata-keys.ts';

/** All annotations of an object together. @see Kubernetes TotalAnnotationSizeLimitB */
const maxAnnotationBytes = 256 * 1024;
/** Several times what the largest hand-written pods have. */
const maxEntries: Readonly<Record<string, number>> = {
  annotations: 2_000,
  labels: 2_000,
  containers: 200,
  initContainers: 200,
  ephemeralContainers: 200,
  volumes: 1_000,
  imagePullSecrets: 200,
  volumeMounts: 1_000,
  volumeDevices: 1_000,
  env: 5_000,
  envFrom: 1_000,
  ports: 1_000,
  args: 5_000,
  command: 5_000,
  sources: 200,
  items: 2_000,
};
/** Characters. Names of objects have at most 253, those of variables any number, a path 4,096 (PATH_MAX). */
const maxLengths: Readonly<Record<string, number>> = {
  name: 1_024,
  serviceAccountName: 253,
  image: 1_024,
  mountPath: 4_096,
  subPath: 4_096,
  subPathExpr: 4_096,
  workingDir: 4_096,
  path: 4_096,
  key: 253,
};

/** What in a pod template exceeds the limits, as a sentence; undefined where nothing does. O(size of the template). */
export function boundsFault(template: JsonObject): string | undefined {
  const metadata = objectAt(template, 'metadata');
  const spec = objectAt(template, 'spec');
  return (
    fieldsFault('metadata', metadata) ??
    annotationsFault(objectAt(metadata, 'annotations')) ??
    fieldsFault('spec', spec) ??
    listFault('spec.volumes', listAt(spec, 'volumes')) ??
    (['containers', 'initContainers', 'ephemeralContainers'] as const)
      .map((list) => listFault(`spec.${list}`, listAt(spec, list)))
      .find((fault) => fault !== undefined)
  );
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

function listFault(path: string, list: readonly Json[]): string | undefined {
  for (const [index, item] of list.entries()) {
    const fault = isObject(item) ? fieldsFault(`${path}[${index}]`, item, 2) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Checks the fields of an object, and of what is in it, so many levels down. */
function fieldsFault(path: string, object: JsonObject, levels = 0): string | undefined {
  for (const [field, value] of Object.entries(object)) {
    const fault =
      valueFault(`${path}.${field}`, field, value) ??
      (levels === 0 ? undefined : insideFault(`${path}.${field}`, value, levels - 1));
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function insideFault(path: string, value: Json | undefined, levels: number): string | undefined {
  if (isObject(value)) return fieldsFault(path, value, levels);
  if (!isArray(value)) return undefined;
  for (const [index, item] of value.entries()) {
    const fault = isObject(item) ? fieldsFault(`${path}[${index}]`, item, levels) : undefined;
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function valueFault(path: string, field: string, value: Json | undefined): string | undefined {
  const most = own(typeof value === 'string' ? maxLengths : maxEntries, field);
  if (most === undefined) return undefined;
  if (typeof value === 'string')
    return value.length <= most
      ? undefined
      : `${shown(path)} has ${value.length} characters; the limit is ${most}`;
  const entries = isObject(value) || isArray(value) ? Object.keys(value).length : 0;
  return entries <= most
    ? undefined
    : `${shown(path)} has ${entries} entries; the limit is ${most}`;
}

function shown(path: string): string {
  return path.length > 200 ? `${path.slice(0, 200)}…` : path;
}
