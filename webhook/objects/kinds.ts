/**
 * The kinds of objects that svidecar changes: those of Kubernetes itself that have a pod template, and Pods. A test holds
 * RBAC, the webhook configurations and the guard to this table. Kinds of other controllers (Rollouts, Knative Services)
 * are in no table: wherever their pod templates are, `request/foreign-pod-templates.ts` finds them.
 */
import { stringAt, type JsonObject } from '#kernel/json.ts';

export interface WorkloadKind {
  /** Empty for the core group. */
  readonly group: string;
  /** The API versions sent to the webhook; the first is the one that is read. */
  readonly versions: readonly [string, ...string[]];
  readonly kind: string;
  /** As in paths of the API and in RBAC. */
  readonly resource: string;
  /** Keys from the object's root to the pod template; none where the object is the pod itself. */
  readonly templatePath: readonly string[];
  /** The pods of a stored object cannot change any more. */
  readonly isImmutable?: true;
  /** `kubectl rollout restart` recreates its pods. */
  readonly isRestartable?: true;
  /**
   * The kind of which it holds one revision of the pod template. Its controller recognises revisions by an equal template,
   * names them after itself and a hash, and keeps old ones, without pods, for a rollback.
   */
  readonly revisionOf?: string;
}

const apps = { group: 'apps', versions: ['v1'] } as const;
const batch = { group: 'batch', versions: ['v1'] } as const;
const core = { group: '', versions: ['v1'] } as const;
const templatePath = ['spec', 'template'] as const;
const jobTemplatePath = ['spec', 'jobTemplate', ...templatePath] as const;

const isRestartable = true;
const isImmutable = true;

/** No kind is named twice. */
export const workloadKinds: readonly WorkloadKind[] = [
  { ...apps, kind: 'Deployment', resource: 'deployments', templatePath, isRestartable },
  { ...apps, kind: 'StatefulSet', resource: 'statefulsets', templatePath, isRestartable },
  { ...apps, kind: 'DaemonSet', resource: 'daemonsets', templatePath, isRestartable },
  { ...apps, kind: 'ReplicaSet', resource: 'replicasets', templatePath, revisionOf: 'Deployment' },
  { ...batch, kind: 'Job', resource: 'jobs', templatePath, isImmutable },
  { ...batch, kind: 'CronJob', resource: 'cronjobs', templatePath: jobTemplatePath },
  { ...core, kind: 'Pod', resource: 'pods', templatePath: [], isImmutable },
];

const byName: ReadonlyMap<string, WorkloadKind> = new Map(
  workloadKinds.map((each) => [each.kind, each]),
);

/** By its name alone, such as of an owner reference; undefined for a kind that is not changed. */
export function kindNamed(name: string): WorkloadKind | undefined {
  return byName.get(name);
}

/** By name and group; the version does not matter. Undefined for a kind that is not changed. */
export function workloadKindOf(object: JsonObject): WorkloadKind | undefined {
  const version = stringAt(object, 'apiVersion') ?? '';
  const group = version.slice(0, Math.max(version.indexOf('/'), 0));
  const found = kindNamed(stringAt(object, 'kind') ?? '');
  return found?.group === group ? found : undefined;
}

/** `apps/v1` */
export function apiVersionOf({ group, versions: [version] }: WorkloadKind): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Whether the object is the pod itself. */
export function isPod({ templatePath: path }: WorkloadKind): boolean {
  return path.length === 0;
}

/** Numerous, usually created by a controller, and judged by what the owner's object asks for. */
export function isMadeByControllers(kind: WorkloadKind): boolean {
  return isPod(kind) || kind.revisionOf !== undefined;
}
