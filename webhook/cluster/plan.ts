/** What to write so that the ConfigMaps of a namespace become the desired ones. A function of its input. */
import type { ConfigMapEntry } from './objects.ts';
import type {
  ConfigMapUser,
  DesiredConfigMap,
  OwnerReference,
  Problem,
} from '../desired/desired.ts';

/** What a ConfigMap should become, without its texts: they are made where they are written. */
export interface Target extends Omit<DesiredConfigMap, 'data'> {
  /** @see digestOf */
  readonly digest: string;
  readonly contents: () => Contents;
}

export interface Contents {
  readonly data: Readonly<Record<string, string>>;
  /** Of a derived one: what was added to its source, a sentence each, and the source's version. */
  readonly changes: readonly string[];
  readonly sourceVersion: string;
}

export type Step =
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
  readonly steps: readonly Step[];
  readonly problems: readonly Problem[];
  readonly unusedSinceMs: ReadonlyMap<string, number>;
  /** When to look again although nothing changes. */
  readonly againInMs: number | undefined;
}

export function planNamespace(input: PlanInput): Plan {
  const steps: Step[] = [];
  const problems: Problem[] = [];
  for (const configMap of input.desired) {
    const there = input.existing(configMap.name);
    if (there !== undefined && !there.isManaged) problems.push(nameTaken(configMap));
    else if (there === undefined) steps.push({ kind: 'apply', configMap, uid: undefined });
    else if (there.immutable && !(configMap.immutable && there.digest === configMap.digest)) {
      steps.push({ kind: 'recreate', configMap, uid: there.uid });
    } else if (!isAsDesired(there, configMap)) {
      steps.push({ kind: 'apply', configMap, uid: there.uid });
    }
  }
  const removal = planRemoval(input);
  return { ...removal, steps: [...steps, ...removal.steps], problems };
}

/** Says that a name of ours is somebody else's. */
export function nameTaken({ namespace, name, users }: Target): Problem {
  const message =
    `ConfigMap ${namespace}/${name} exists and is not svidecar's (no label app.kubernetes.io/managed-by: svidecar); ` +
    'it is left alone, so the workload does not get its configuration: rename or remove it';
  return { reason: 'ConfigMapTaken', message, users };
}

/** `svidecar-<hash>` and `<source>-svidecar-<hash>`: a label alone is too easily given to something else. */
const namePattern = /(^|-)svidecar-[0-9a-z]+$/;

/** One that nobody uses is removed after a grace: its user may be about to come. */
function planRemoval(input: PlanInput): Omit<Plan, 'problems'> {
  const { managed, nowMs, graceMs } = input;
  const desired = new Set(input.desired.map((configMap) => configMap.name));
  const steps: Step[] = [];
  const unusedSinceMs = new Map<string, number>();
  let againInMs: number | undefined;
  for (const { name, uid, resourceVersion } of managed.values()) {
    if (!namePattern.test(name) || desired.has(name) || isMentioned(name, input.users)) continue;
    const sinceMs = input.unusedSinceMs.get(name) ?? nowMs;
    unusedSinceMs.set(name, sinceMs);
    const leftMs = sinceMs + graceMs - nowMs;
    if (leftMs <= 0) steps.push({ kind: 'remove', name, uid, resourceVersion });
    else againInMs = Math.min(againInMs ?? leftMs, leftMs);
  }
  return { steps, unusedSinceMs, againInMs };
}

/**
 * A ConfigMap may be in use though it cannot be made now (its source is gone or broken): the last good one then stays.
 * The status is JSON that names it; finding the name anywhere in the text errs on the side of keeping.
 */
function isMentioned(name: string, users: readonly ConfigMapUser[]): boolean {
  return users.some((user) => user.status.includes(name));
}

function isAsDesired(there: ConfigMapEntry, configMap: Target): boolean {
  return (
    there.immutable === configMap.immutable &&
    there.digest === configMap.digest &&
    includes(there.labels, configMap.labels) &&
    includes(there.annotations, configMap.annotations) &&
    hasSameOwners(there.owners, configMap.owners)
  );
}

type Texts = Readonly<Record<string, string>>;

function includes(all: Texts, some: Texts): boolean {
  return Object.entries(some).every(([key, text]) => all[key] === text);
}

function hasSameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  const uids = new Set(a.map((owner) => owner.uid));
  return (
    uids.size === new Set(b.map((owner) => owner.uid)).size && b.every(({ uid }) => uids.has(uid))
  );
}
