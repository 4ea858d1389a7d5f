/** What to write so that the ConfigMaps of a namespace become the desired ones. A function of its input. */
import { own } from '#kernel/members.ts';
import type { ConfigMapEntry } from '../kept-objects.ts';
import type {
  ConfigMapUser,
  DesiredConfigMap,
  OwnerReference,
  ConfigMapProblem,
} from '../../desired/desired.ts';
import { hashesIn, hashOfName, isLegacyName, isOurName } from '../../injection/hash.ts';
import { graceOf } from '../grace.ts';

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
  | {
      readonly kind: 'remove';
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
    };

export interface PlanInput {
  readonly desired: readonly Target[];
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
  const removal = planRemoval(input);
  return { ...removal, steps: [...steps, ...removal.steps], problems };
}

/** What is there under the name and is not ours to change. */
function obstacle(there: ConfigMapEntry, configMap: Target): ConfigMapProblem | undefined {
  if (!there.isManaged) return nameTaken(configMap);
  return isOfOthers(there, configMap) ? heldByOthers(configMap) : undefined;
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

/** Settings that are there under a name of version 0.1.0 may be those of another workload: its names are found twice. */
function isOfOthers(there: ConfigMapEntry, { name, immutable, digest }: Target): boolean {
  return immutable && isLegacyName(name) && there.digest !== digest;
}

function heldByOthers({ namespace, name, users }: Target): ConfigMapProblem {
  const message =
    `ConfigMap ${namespace}/${name} holds other settings than the status annotation names; version 0.1.0 made its short name, which does not tell whose they are, so it is left alone: ` +
    'restart the workload (kubectl rollout restart), which gives it a name of 128 bits';
  return { reason: 'ConfigMapTaken', message, users };
}

/**
 * One that nobody uses is removed after a grace: its user may be about to appear. Its name must be ours as well: a label
 * alone is too easily given to something else.
 */
function planRemoval(input: PlanInput): Omit<Plan, 'problems'> {
  const { users, nowMs, graceMs } = input;
  // Who is not read may need any of them.
  if (users.some(({ isStatusWithheld }) => isStatusWithheld === true))
    return { steps: [], unusedSinceMs: new Map(), againInMs: undefined };
  const desired = new Set(input.desired.map((configMap) => configMap.name));
  const mentioned = mentionedHashes(users);
  const isUnused = ({ name }: ConfigMapEntry): boolean =>
    isOurName(name) && !desired.has(name) && !mentioned.has(hashOfName(name));
  const unused = [...input.managed.values()].filter(isUnused);
  const times = { sinceMs: input.unusedSinceMs, nowMs, graceMs };
  const { over, sinceMs, againInMs } = graceOf(unused, ({ name }) => name, times);
  const steps = over.map(({ name, uid, resourceVersion }): ConfigMapStep => ({
    kind: 'remove',
    name,
    uid,
    resourceVersion,
  }));
  return { steps, unusedSinceMs: sinceMs, againInMs };
}

/**
 * A ConfigMap may be in use though it cannot be made now (its source is gone or broken): the last good one then stays.
 * The status is JSON that names it; finding its hash anywhere in the text errs on the side of keeping.
 */
function mentionedHashes(users: readonly ConfigMapUser[]): ReadonlySet<string> {
  // Replicas carry the same text; each is gone through once.
  const texts = new Set(users.map((user) => user.status));
  return new Set([...texts].flatMap((text) => hashesIn(text)));
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
