/** An object of the cluster and what its injection depends on, read with the user's own kubectl. */
import { spawnSync } from 'node:child_process';
import { AppError } from '#kernel/errors.ts';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { mountedConfigMaps } from '../checks/assess.ts';
import { namespaceLabel } from '../request/metadata-keys.ts';
import { readManifest, type ManifestDocument } from '../manifests/manifest.ts';

export interface LiveFlags {
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
}

export interface LiveObject {
  readonly namespace: string;
  /** The object, then the ConfigMaps that its volumes name, and those that its Envoy configuration was made from. */
  readonly documents: readonly ManifestDocument[];
  readonly kubernetesVersion: string;
  /** Sentences about what stands in the way outside the object. */
  readonly notes: readonly string[];
}

/** Milliseconds for one answer of kubectl. */
const deadlineMs = 30_000;
/** Bytes: an object has at most 3 MiB, and kubectl indents it. */
const maxAnswerBytes = 32 * 1024 * 1024;

/** `deployment/frontend`, `deployments.apps/frontend`, `pod/x`: what kubectl takes as one argument. */
export function isLiveName(text: string): boolean {
  return (
    /^[a-z]+(\.[a-z0-9.]+)?\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(text) &&
    !/\.(ya?ml|json)$/.test(text)
  );
}

/**
 * kubectl is asked, not the API server: it knows the user's contexts and log-in plug-ins.
 * @throws {AppError} CLUSTER_UNREACHABLE with what kubectl said
 */
export function readLive(name: string, flags: LiveFlags): LiveObject {
  const object = readObject(['get', name], flags);
  const namespace = stringAt(objectAt(object, 'metadata'), 'namespace') ?? 'default';
  const configMaps = [...mountedConfigMaps(object)].flatMap((configMap) => {
    const found = readOptional(['get', 'configmap', configMap], { ...flags, namespace });
    return found === undefined ? [] : [found];
  });
  return {
    namespace,
    documents: [object, ...configMaps].flatMap((value) =>
      readManifest({ name, text: JSON.stringify(value) }),
    ),
    kubernetesVersion: serverVersion(flags),
    notes: namespaceNotes(namespace, flags),
  };
}

function serverVersion(flags: LiveFlags): string {
  const { namespace, ...rest } = flags;
  const server = objectAt(readObject(['version'], rest), 'serverVersion');
  const [major = '1', minor = '0'] = [stringAt(server, 'major'), stringAt(server, 'minor')];
  return `${major}.${minor.replace(/\D+$/, '')}`;
}

/** The label decides whether the webhook sees the object at all. */
function namespaceNotes(namespace: string, flags: LiveFlags): readonly string[] {
  const found = readOptional(['get', 'namespace', namespace], flags);
  if (found === undefined) return [];
  const label = stringAt(objectAt(objectAt(found, 'metadata'), 'labels'), namespaceLabel);
  if (label === 'enabled' || label === 'pod') return [];
  return [
    `namespace ${namespace} has ${label === undefined ? 'no label' : `the label ${namespaceLabel}: ${label}, not`} ${label === undefined ? `${namespaceLabel}: enabled` : '"enabled" or "pod"'}, so the webhook sees nothing of it: kubectl label namespace ${namespace} ${namespaceLabel}=enabled`,
  ];
}

function readObject(words: readonly string[], flags: LiveFlags): JsonObject {
  const value: unknown = JSON.parse(runKubectl([...words, '-o', 'json'], flags));
  if (isObject(value)) return value;
  throw new AppError('CLUSTER_UNREACHABLE', `kubectl ${words.join(' ')} answered with no object`);
}

function readOptional(words: readonly string[], flags: LiveFlags): JsonObject | undefined {
  const text = runKubectl([...words, '--ignore-not-found', '-o', 'json'], flags);
  const value: unknown = text.trim() === '' ? undefined : JSON.parse(text);
  return isObject(value) ? value : undefined;
}

function runKubectl(words: readonly string[], flags: LiveFlags): string {
  const given = (['namespace', 'context', 'kubeconfig'] as const).flatMap((flag) => {
    const value = flags[flag];
    return value === undefined ? [] : [`--${flag}=${value}`];
  });
  const result = spawnSync('kubectl', [...words, ...given], {
    encoding: 'utf8',
    timeout: deadlineMs,
    maxBuffer: maxAnswerBytes,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.error === undefined && result.status === 0) return result.stdout;
  const why = result.error?.message ?? result.stderr.trim();
  throw new AppError('CLUSTER_UNREACHABLE', `kubectl ${words.join(' ')}: ${why}`, {
    cause: result.error,
  });
}
