/** Which ConfigMaps should exist in a namespace: one for each helper's settings, one for each patched Envoy configuration. */
import { own } from '#kernel/members.ts';
import { AppError } from '#kernel/errors.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { helperData } from '../injection/compose.ts';
import { withheldMessage, type ConfigMapContents } from '../injection/config-map-contents.ts';
import { planText } from '../injection/plan-name.ts';
import type { PatchedCopies, ToldPatch } from '../injection/patched-copies.ts';
import { toldRefusal } from '../injection/told-reasons.ts';
import { placeIn, wordsElsewhere, type ToldSource } from '../injection/told-place.ts';
import { hasSource, summaryOf, type EnvoyPlan, type Status } from '../injection/status.ts';
import { Claims } from './claims.ts';
import { readStatuses, type ParseStatus } from './read-statuses.ts';

type Texts = Readonly<Record<string, string>>;

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
  /** The owner of the helper's ConfigMap: the object, or the controller that made it. */
  readonly owner: OwnerReference;
  /** Text of the annotation. */
  readonly status: string;
  /** Its parsed value, where that is known without reading it. */
  readonly says?: Status;
  /** The text is too large to be held beside the others, and is left out here. */
  readonly isStatusWithheld?: true;
}

export interface SourceConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly data: Readonly<Record<string, string>>;
  /** Bytes by key, in base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
  /** How large its texts are, where they are not held: then both of the above are empty. */
  readonly withheldBytes?: number;
}

export interface DesiredConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
  /** Bytes by key, in base64, where there are any. */
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly immutable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly owners: readonly OwnerReference[];
  /** Those whose pods mount it. */
  readonly users: readonly ConfigMapUser[];
}

/** What istiod reads before the pods that mount the ConfigMap of the same name start. */
export interface DesiredEnvoyFilter extends Omit<
  DesiredConfigMap,
  'data' | 'binaryData' | 'immutable'
> {
  readonly spec: JsonObject;
}

/** Stable API: events carry these as their reason. */
export type ProblemReason =
  | 'ConfigMapRefused'
  | 'ConfigMapTaken'
  | 'EnvoyConfigInvalid'
  | 'EnvoyConfigMissing'
  | 'EnvoyFilterImpossible'
  | 'EnvoyFilterRefused'
  | 'EnvoyFilterTaken'
  | 'StatusInvalid';

/** Why a ConfigMap cannot be created. */
export interface ConfigMapProblem {
  readonly reason: ProblemReason;
  /** A sentence: what, where, and what to do. */
  readonly message: string;
  /** Those whose pods wait for it. */
  readonly users: readonly ConfigMapUser[];
}

/** A patched copy that somebody's pods mount. */
export interface WantedEnvoy {
  readonly plan: EnvoyPlan;
  readonly users: readonly ConfigMapUser[];
}

/** What the statuses of a namespace ask for. */
export interface WantedConfigMaps {
  readonly helpers: readonly DesiredConfigMap[];
  readonly envoys: readonly WantedEnvoy[];
  readonly problems: readonly ConfigMapProblem[];
  /** What was done to each user, by the user: half a line. */
  readonly summaries: ReadonlyMap<ConfigMapUser, string>;
}

export type Rendered =
  | {
      readonly kind: 'rendered';
      readonly configMap: DesiredConfigMap;
      /** Written before the ConfigMap, so that no pod starts without it; only where istiod configures the Envoy. */
      readonly envoyFilter?: DesiredEnvoyFilter | undefined;
      /** What was added to the source, one sentence each. */
      readonly changes: readonly string[];
      /** What it may leave open, one sentence each. */
      readonly warnings: readonly string[];
    }
  | { readonly kind: 'problem'; readonly problem: ConfigMapProblem };

/** Our ConfigMaps are found, and removed, by this label. */
export const managedBy = { 'app.kubernetes.io/managed-by': 'svidecar' } as const;
/** Whether labels say that an object is ours to change and to remove. */
export function isManaged(labels: Readonly<Record<string, Json | undefined>>): boolean {
  return Object.entries(managedBy).every(([key, value]) => own(labels, key) === value);
}
/** Name of the ConfigMap that a derived one was made from. */
export const sourceAnnotation = 'svidecar.dev/source';

/**
 * Reads the statuses; cheap beside {@link renderEnvoy}.
 * @param users of one namespace @param revision whose injections count; absent: everybody's
 */
export function wantedBy(
  users: readonly ConfigMapUser[],
  parse?: ParseStatus,
  revision?: string,
): WantedConfigMaps {
  const { statuses, faults } = readStatuses(users, parse);
  const helpers = new Claims<ConfigMapUser, DesiredConfigMap>();
  const envoys = new Claims<ConfigMapUser, WantedEnvoy>();
  const summaries = new Map<ConfigMapUser, string>();
  for (const [user, status] of statuses) {
    if (revision !== undefined && (status.revision ?? '') !== revision) continue;
    summaries.set(user, summaryOf(status));
    const { helper, envoy } = status;
    if (helper !== undefined)
      helpers.claim(helper.configMap, helper.settings, (before) => withUser(before, user, helper));
    if (envoy !== undefined)
      envoys.claim(envoy.derived, planText(envoy), (before) => {
        return { plan: before?.plan ?? envoy, users: [...(before?.users ?? []), user] };
      });
  }
  const namespace = users[0]?.namespace ?? '';
  const problems = [...faults].map(([user, message]): ConfigMapProblem => {
    return { reason: 'StatusInvalid', message, users: [user] };
  });
  const contested = [...helpers.contested(), ...envoys.contested()].map(
    ([name, claimants]): ConfigMapProblem => nameContested(namespace, name, claimants),
  );
  return {
    helpers: helpers.uncontested(),
    envoys: envoys.uncontested(),
    problems: [...problems, ...contested],
    summaries,
  };
}

function withUser(
  before: DesiredConfigMap | undefined,
  user: ConfigMapUser,
  helper: NonNullable<Status['helper']>,
): DesiredConfigMap {
  const owners = before?.owners ?? [];
  const isOwner = owners.some((owner) => owner.uid === user.owner.uid);
  return {
    namespace: user.namespace,
    name: helper.configMap,
    data: helperData(helper.settings),
    immutable: true,
    labels: managedBy,
    annotations: {},
    owners: isOwner ? owners : [...owners, user.owner],
    users: [...(before?.users ?? []), user],
  };
}

/** Two plans of one name can only be of a version before 0.1.0, whose names had 40 bits. */
function nameContested(
  namespace: string,
  name: string,
  users: readonly ConfigMapUser[],
): ConfigMapProblem {
  const who = users.slice(0, 3).map((user) => `${user.kind} ${user.name}`);
  const message =
    `ConfigMap ${namespace}/${name} is wanted with different contents, by ${who.join(', ')} among others; nothing is written under this name: ` +
    'find out which of them changed the annotation svidecar.dev/status, then restart the others (kubectl rollout restart), which gives them names of 128 bits';
  return { reason: 'ConfigMapTaken', message, users };
}

/** Makes one patched copy, unless it exists already: some milliseconds, more with the size of the source. */
export function renderEnvoy(
  namespace: string,
  { plan, users }: WantedEnvoy,
  facts: {
    readonly source: SourceConfigMap | undefined;
    readonly copies: Pick<PatchedCopies, 'patch'>;
  },
): Rendered {
  const { source, copies } = facts;
  const problem = (reason: ProblemReason, message: string): Rendered => {
    return { kind: 'problem', problem: { reason, message, users } };
  };
  if (source === undefined && hasSource(plan)) {
    return problem(
      'EnvoyConfigMissing',
      `ConfigMap ${namespace}/${plan.source} is not there; the pods start when it is, and ${plan.derived} has been made from it`,
    );
  }
  const contents = source ?? noContents;
  const unread = source === undefined ? undefined : unreadable(namespace, plan, source);
  if (unread !== undefined) return problem('EnvoyConfigInvalid', unread);
  try {
    const patch = copies.patch({ namespace, plan, source: contents });
    const { data, binaryData, envoyFilter: spec } = patch;
    const marks = marksOf({ plan, users }, source);
    const configMap = {
      ...copyOf(namespace, plan),
      ...marks,
      data,
      ...binaryOf(binaryData),
      users,
    };
    const envoyFilter = spec === undefined ? undefined : envoyFilterOf(configMap, spec);
    return { kind: 'rendered', configMap, envoyFilter, ...wordsIn(patch) };
  } catch (error) {
    const name = `ConfigMap ${namespace}/${source?.name ?? plan.derived}`;
    return problem('EnvoyConfigInvalid', wordsOf(error, { name, contents }));
  }
}

function binaryOf(binaryData: Texts): { readonly binaryData?: Texts } {
  return Object.keys(binaryData).length === 0 ? {} : { binaryData };
}

/** Under the name of the ConfigMap, and everybody's who owns that. */
function envoyFilterOf(
  { data: _data, binaryData: _binary, immutable: _immutable, ...marked }: DesiredConfigMap,
  spec: JsonObject,
): DesiredEnvoyFilter {
  return { ...marked, spec };
}

function wordsIn({ changes, warnings }: ToldPatch): {
  readonly changes: readonly string[];
  readonly warnings: readonly string[];
} {
  return {
    changes: changes.map(({ message }) => message),
    warnings: warnings.map(({ message }) => message),
  };
}

/** Of an Envoy that a template brings, or istiod configures. */
const noContents: ConfigMapContents = Object.freeze({ data: {} });

/** A patched copy without its contents, users and owners. */
function copyOf(
  namespace: string,
  plan: EnvoyPlan,
): Pick<DesiredConfigMap, 'namespace' | 'name' | 'immutable' | 'labels'> {
  return { namespace, name: plan.derived, immutable: false, labels: managedBy };
}

/** A copy lives as long as its source; what is made from nothing, as long as somebody's pods mount it. */
function marksOf(
  { plan, users }: WantedEnvoy,
  source: SourceConfigMap | undefined,
): Pick<DesiredConfigMap, 'annotations' | 'owners'> {
  if (!hasSource(plan) || source === undefined)
    return { annotations: {}, owners: distinctOwners(users) };
  const { name, uid } = source;
  return {
    annotations: { [sourceAnnotation]: plan.source },
    owners: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }],
  };
}

export function distinctOwners(users: readonly ConfigMapUser[]): readonly OwnerReference[] {
  return [...new Map(users.map(({ owner }) => [owner.uid, owner])).values()];
}

/** Why an existing source has nothing to patch. */
function unreadable(
  namespace: string,
  { source: name, file }: EnvoyPlan,
  { data, binaryData = {}, withheldBytes }: SourceConfigMap,
): string | undefined {
  if (withheldBytes !== undefined)
    return withheldMessage({ namespace, name, bytes: withheldBytes });
  // A key may have the name of a member that every object has.
  if ([data, binaryData].some((part) => Object.hasOwn(part, file))) return undefined;
  return `ConfigMap ${namespace}/${name} has no text under the key that the Envoy container reads; add it, or correct svidecar.dev/envoy-config`;
}

/** The parser quotes the text where it stops, which may be a password; our own sentences only name parts of Envoy's. */
function wordsOf(error: unknown, source: ToldSource): string {
  // A bug of ours that this configuration reveals: the others must not suffer from it.
  if (!(error instanceof AppError))
    return `${source.name} cannot be patched; this is a bug in svidecar, please report it`;
  const isParsers = error.cause instanceof AppError && error.cause.code === 'TEXT_UNPARSABLE';
  if (!isParsers) return error.message;
  const why = toldRefusal(error.reason) ?? 'it cannot be read as YAML or JSON';
  return `${placeIn(error.facts, source)}: ${why}; ${wordsElsewhere}`;
}
