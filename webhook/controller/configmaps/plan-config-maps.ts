/** What to write so that the ConfigMaps of a namespace become the desired ones. A function of its input. */
import { own } from '#kernel/members.ts';
import type { ConfigMapEntry } from '../kept-objects.ts';
import type {
  ConfigMapUser,
  DesiredConfigMap,
  OwnerReference,
  ConfigMapProblem,
} from '../../desired/desired.ts';
import { isLegacyName } from '../../injection/hash.ts';
import { planUnused, type Removal } from '../unused.ts';

/** What a ConfigMap should become, without its texts: they are made where they are written. */
export interface Target extends Omit<DesiredConfigMap, 'data' | 'binaryData'> {
  /** @see digestOf */
  readonly digest: string;
  readonly contents: () => WrittenContents;
}

export interface WrittenContents {
  readonly data: Readonly<Record<string, string>>;
  /** In base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
  /** Of a derived one: what was added to its source, a sentence each, and the source's version. */
  readonly changes: readonly string[];
  /** What may be open in it, a sentence each. */
  readonly warnings: readonly string[];
  readonly sourceVersion: string;
}

export type ConfigMapStep =
  /** Server-side apply. @see uid: of the object that is there now; undefined = none is known. */
  | {
      readonly kind: 'apply';
      readonly configMap: Target;
      readonly uid: string | undefined;
    }
  /** An immutable one with other contents: remove and create. */
  | { readonly kind: 'recreate'; readonly configMap: Target; readonly uid: string }
  /** Pods that mount it must not start now, so it is taken away although it is wanted. */
  | (Omit<Removal, 'kind'> & { readonly kind: 'withdraw' })
  | Removal;

export interface PlanInput {
  readonly desired: readonly Target[];
  /** Names that are wanted, but must not be there now. */
  readonly withdrawn: ReadonlySet<string>;
  readonly users: readonly ConfigMapUser[];
  /** What is there under a name, ours or not. */
  readonly existing: (name: string) => ConfigMapEntry | undefined;
  /** Those that carry our label, by name. */
  readonly managed: ReadonlyMap<string, ConfigMapEntry>;
  /** Name → when it was first seen without a user; the plan of the last look. */
  readonly unusedSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly graceMs: number;
}

export interface Plan {
  readonly steps: readonly ConfigMapStep[];
  readonly problems: readonly ConfigMapProblem[];
  readonly unusedSinceMs: ReadonlyMap<string, number>;
  /** When to check again although nothing changes. */
  readonly againInMs: number | undefined;
}

export function planNamespace(input: PlanInput): Plan {
  const steps: ConfigMapStep[] = [];
  const problems: ConfigMapProblem[] = [];
  for (const configMap of input.desired) {
    const there = input.existing(configMap.name);
    const problem = there === undefined ? undefined : obstacle(there, configMap);
    const step = problem === undefined ? stepFor(there, configMap) : undefined;
    if (problem !== undefined) problems.push(problem);
    if (step !== undefined) steps.push(step);
  }
  const withdrawals = [...input.withdrawn].flatMap((name) => withdrawal(input.existing(name)));
  const desired = new Set(input.desired.map(({ name }) => name));
  const removal = planUnused({ ...input, managed: input.managed.values(), desired });
  return { ...removal, steps: [...steps, ...withdrawals, ...removal.steps], problems };
}

/** What is there under the name and is not ours to change. */
function obstacle(there: ConfigMapEntry, configMap: Target): ConfigMapProblem | undefined {
  if (!there.isManaged) return nameTaken(configMap);
  return isOfOthers(there, configMap) ? heldByOthers(configMap) : undefined;
}

function withdrawal(there: ConfigMapEntry | undefined): readonly ConfigMapStep[] {
  if (there?.isManaged !== true) return [];
  const { name, uid, resourceVersion } = there;
  return [{ kind: 'withdraw', name, uid, resourceVersion }];
}

function stepFor(there: ConfigMapEntry | undefined, configMap: Target): ConfigMapStep | undefined {
  if (there === undefined) return { kind: 'apply', configMap, uid: undefined };
  const { uid } = there;
  if (there.immutable && !(configMap.immutable && there.digest === configMap.digest))
    return { kind: 'recreate', configMap, uid };
  return isAsDesired(there, configMap) ? undefined : { kind: 'apply', configMap, uid };
}

/** Reports that somebody else has one of our names. */
export function nameTaken({ namespace, name, users }: Target): ConfigMapProblem {
  const message =
    `ConfigMap ${namespace}/${name} exists and is not svidecar's (no label app.kubernetes.io/managed-by: svidecar); ` +
    'it is left alone, so the workload does not get its configuration: rename or remove it';
  return { reason: 'ConfigMapTaken', message, users };
}

/** Settings that are there under a name of a version before 0.1.0 may be those of another workload: its names are found twice. */
function isOfOthers(there: ConfigMapEntry, { name, immutable, digest }: Target): boolean {
  return immutable && isLegacyName(name) && there.digest !== digest;
}

function heldByOthers({ namespace, name, users }: Target): ConfigMapProblem {
  const message =
    `ConfigMap ${namespace}/${name} holds other settings than the status annotation names; a version before 0.1.0 made its short name, which does not tell whose they are, so it is left alone: ` +
    'restart the workload (kubectl rollout restart), which gives it a name of 128 bits';
  return { reason: 'ConfigMapTaken', message, users };
}

function isAsDesired(there: ConfigMapEntry, configMap: Target): boolean {
  return (
    there.immutable === configMap.immutable &&
    there.digest === configMap.digest &&
    (there.withheldBytes !== undefined || hasSameMetadata(there, configMap))
  );
}

function hasSameMetadata(there: ConfigMapEntry, configMap: Target): boolean {
  return (
    includes(there.labels, configMap.labels) &&
    includes(there.annotations, configMap.annotations) &&
    hasSameOwners(there.owners, configMap.owners)
  );
}

type Texts = Readonly<Record<string, string>>;

function includes(all: Texts, some: Texts): boolean {
  return Object.entries(some).every(([key, text]) => own(all, key) === text);
}

function hasSameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  const uids = new Set(a.map((owner) => owner.uid));
  return (
    uids.size === new Set(b.map((owner) => owner.uid)).size && b.every(({ uid }) => uids.has(uid))
  );
}
