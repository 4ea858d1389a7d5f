/** Annotations as a page may show them: anybody's tool keeps anything there, copies of the whole object among it. */
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { own, setMember } from '#kernel/members.ts';
import {
  annotationKey,
  injectKey,
  settingKeys,
  statusKey,
  templatesKey,
} from '../request/metadata-keys.ts';
import { notShown, withoutSecrets } from './hide-secrets.ts';

/** svidecar's own, and well-known ones that hold a number, a name, a time or a choice. */
const shownKeys: ReadonlySet<string> = new Set([
  templatesKey,
  injectKey,
  ...settingKeys.map(annotationKey),
  'argocd.argoproj.io/sync-wave',
  'cluster-autoscaler.kubernetes.io/safe-to-evict',
  'deployment.kubernetes.io/revision',
  'istio.io/rev',
  'kubectl.kubernetes.io/default-container',
  'kubectl.kubernetes.io/restartedAt',
  'linkerd.io/inject',
  'meta.helm.sh/release-name',
  'meta.helm.sh/release-namespace',
  'prometheus.io/port',
  'prometheus.io/scheme',
  'prometheus.io/scrape',
  'sidecar.istio.io/inject',
]);

/** Keys stay. */
export function shownAnnotations(annotations: JsonObject): JsonObject {
  const shown: Record<string, Json> = {};
  for (const [key, value = null] of Object.entries(annotations))
    setMember(shown, key, shownAnnotation(key, value));
  return shown;
}

function shownAnnotation(key: string, value: Json): Json {
  if (typeof value !== 'string') return notShown;
  if (key === statusKey) return shownStatus(value);
  return shownKeys.has(key) ? withoutSecrets(value) : notShown;
}

/** The status names what was added; values that it restores, and settings, are somebody's own, and in the other texts. */
function shownStatus(text: string): string {
  const status = parsed(text);
  if (!isObject(status)) return notShown;
  return JSON.stringify({
    ...named(status, ['version', 'templates', 'awaits']),
    ...part(status, 'helper', ['configMap']),
    ...part(status, 'envoy', ['source', 'derived', 'file', 'directory', 'version', 'templates']),
    ...(own(status, 'undo') === undefined ? {} : { undo: notShown }),
  });
}

function part(status: JsonObject, key: string, members: readonly string[]): JsonObject {
  const value = own(status, key);
  return isObject(value) ? { [key]: named(value, members) } : {};
}

function named(object: JsonObject, members: readonly string[]): JsonObject {
  return Object.fromEntries(
    members.flatMap((key): (readonly [string, Json])[] => {
      const value = own(object, key);
      if (typeof value === 'string') return [[key, withoutSecrets(value)]];
      if (!isArray(value)) return [];
      return [[key, value.map((each) => (typeof each === 'string' ? withoutSecrets(each) : null))]];
    }),
  );
}

function parsed(text: string): Json {
  try {
    // What JSON.parse returns is JSON.
    return JSON.parse(text) as Json;
  } catch {
    // Not ours then: nothing of it is shown.
    return null;
  }
}
