/** Which ConfigMaps should exist in a namespace: one for each helper's settings, one for each patched Envoy configuration. */
import { AppError } from '#kernel/errors.ts';
import type { Json } from '#kernel/json.ts';
import { helperData, helperName } from '../injection/compose.ts';
import { derivedName, patchPlanned } from '../injection/envoy-plan.ts';
import type { Library } from '../injection/library.ts';
import { parseStatus, type EnvoyPlan, type Status } from '../injection/status.ts';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** An object whose pod template carries our status annotation. */
export interface ConfigMapUser {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  /** Whom the helper's ConfigMap belongs to: the object, or the controller that made it. */
  readonly owner: OwnerReference;
  /** Text of the annotation. */
  readonly status: string;
}

export interface SourceConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface DesiredConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
  readonly immutable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly owners: readonly OwnerReference[];
}

export interface Desired {
  readonly configMaps: readonly DesiredConfigMap[];
  /** Sentences: what could not be made, where, and why. */
  readonly problems: readonly string[];
}

/** Our ConfigMaps are found, and removed, by this label. */
const managedBy = { 'app.kubernetes.io/managed-by': 'svidecar' } as const;
/** Whether labels say that an object is ours to change and to remove. */
export function isManaged(labels: Readonly<Record<string, Json | undefined>>): boolean {
  return Object.entries(managedBy).every(([key, value]) => labels[key] === value);
}
/** Name of the ConfigMap that a derived one was made from. */
export const sourceAnnotation = 'svidecar.dev/source';

/** @param sources by name, of the same namespace */
export function desiredConfigMaps(
  namespace: string,
  users: readonly ConfigMapUser[],
  facts: { readonly sources: ReadonlyMap<string, SourceConfigMap>; readonly library: Library },
): Desired {
  const problems: string[] = [];
  const helpers = new Map<string, DesiredConfigMap>();
  const plans = new Map<string, EnvoyPlan>();
  for (const user of users) {
    const status = readStatus(user, problems);
    if (status?.helper !== undefined) addHelper(helpers, user, status.helper);
    if (status?.envoy !== undefined) plans.set(status.envoy.derived, status.envoy);
  }
  const derived = [...plans.values()]
    .map((plan) => derivedConfigMap(namespace, plan, { ...facts, problems }))
    .filter((configMap) => configMap !== undefined);
  return { configMaps: [...helpers.values(), ...derived], problems };
}

/**
 * The annotation is the user's to write: names in it count only where they follow from what they name, so that
 * nobody can have a ConfigMap of another name written.
 */
function readStatus(user: ConfigMapUser, problems: string[]): Status | undefined {
  const where = `${user.kind} ${user.namespace}/${user.name}`;
  try {
    const status = parseStatus(user.status, where);
    const { helper, envoy } = status;
    const isHelperOurs = helper === undefined || helper.configMap === helperName(helper.settings);
    if (isHelperOurs && (envoy === undefined || envoy.derived === derivedName(envoy)))
      return status;
    problems.push(
      `${where}: its status annotation names ConfigMaps that do not follow from its contents`,
    );
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}

function addHelper(
  helpers: Map<string, DesiredConfigMap>,
  user: ConfigMapUser,
  helper: NonNullable<Status['helper']>,
): void {
  const before = helpers.get(helper.configMap)?.owners ?? [];
  const isOwner = before.some((owner) => owner.uid === user.owner.uid);
  helpers.set(helper.configMap, {
    namespace: user.namespace,
    name: helper.configMap,
    data: helperData(helper.settings),
    immutable: true,
    labels: managedBy,
    annotations: {},
    owners: isOwner ? before : [...before, user.owner],
  });
}

function derivedConfigMap(
  namespace: string,
  plan: EnvoyPlan,
  facts: {
    readonly sources: ReadonlyMap<string, SourceConfigMap>;
    readonly library: Library;
    readonly problems: string[];
  },
): DesiredConfigMap | undefined {
  const source = facts.sources.get(plan.source);
  if (source === undefined) return undefined;
  try {
    const { files } = patchPlanned(namespace, plan, { data: source.data, library: facts.library });
    return {
      namespace,
      name: plan.derived,
      data: files,
      immutable: false,
      labels: managedBy,
      annotations: { [sourceAnnotation]: plan.source },
      owners: [{ apiVersion: 'v1', kind: 'ConfigMap', name: source.name, uid: source.uid }],
    };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    facts.problems.push(error.message);
    return undefined;
  }
}
