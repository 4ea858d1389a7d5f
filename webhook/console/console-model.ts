/**
 * What the console's server and its pages say to each other: plain JSON values, and nothing that only Node has.
 *
 * The page is `GET /`, public and without secrets. The address that is printed ends in `#token=…`. The page takes the token
 * out of its address (`history.replaceState`), POSTs it to `consolePaths.session`, keeps the key of the answer in
 * `localStorage` (it belongs to this origin, port included; a cookie would be sent to every port of 127.0.0.1) and sends it
 * as the header `consoleKeyHeader` with each request, also that of the events: they are read with `fetch`, by
 * `webhook/console/read-events.ts`, since `EventSource` sends no headers. 401: the key is not known any more, or the token
 * was used; the message says how to get another.
 *
 * Every request of the page is same-origin; bodies are JSON (`content-type: application/json`). Every failure is a
 * `ConsoleProblem` with a status of 4xx or 5xx. Times are Unix seconds (fractions are possible) by the server's clock, which
 * `nowS` tells. Texts of strangers (names, messages, YAML) are plain text: never markup.
 *
 * How a page stays current: `GET coverage` gives everything and a `version`; then `GET events?since=VERSION` streams what
 * changes after it. On a break, ask again with the last version seen. `reset` means that this cannot be resumed: get the
 * coverage again. Many changes become one event with the newest state of each thing, so a slow reader loses nothing.
 */

import type { ConsoleAction, RunName, RunState, Told } from './console-reports.ts';

/** Header with the key of the session. */
export const consoleKeyHeader = 'x-svidecar-console';

export const consolePaths = {
  /** POST `{ token }` → `ConsoleSession`. */
  session: '/api/session',
  /** POST `{}` → `{ address }`: a new address, good once, for another browser. */
  anotherAddress: '/api/session/another',
  /** GET → `CoverageSnapshot`. */
  coverage: '/api/coverage',
  /** GET `?since=VERSION` → text/event-stream; the data of each event is one `ConsoleEvent`. */
  events: '/api/events',
  /** GET, and `/NAMESPACE/KIND/NAME` behind it (each by `encodeURIComponent`) → `WorkloadView`; 404 once it is gone. */
  workload: '/api/workloads',
  /** GET, with the same three → `HelperView[]`: each pod's helper is asked, which takes up to some seconds. */
  helpers: '/api/helpers',
  /** POST `IdentitiesQuestion` → `RunState`: starts a look, or joins the one that runs. GET → `RunAnswer<IdentitiesView>`. */
  identities: '/api/identities',
  /** POST `{}` starts or joins the checks. GET → `RunAnswer<DoctorView>`. */
  doctor: '/api/doctor',
  /** POST `{}` starts or joins a look. GET → `RunAnswer<CertificatesView>`. */
  certificates: '/api/certificates',
  /** GET → `BansView`. */
  bans: '/api/bans',
  /** POST `ConsoleAction` → `PreparedAction`: nothing is changed yet. */
  actions: '/api/actions',
  /** POST `{ id }` of a prepared action → `ActionOutcome`. Works once, within some minutes. */
  carryOut: '/api/actions/carry-out',
} as const;

export interface ConsoleProblem {
  /** One of docs/errors.md, or `NOT_LOGGED_IN`, `FOREIGN_ORIGIN`, `GONE`. */
  readonly code: string;
  /** One sentence or two: what, where, and what to do next. */
  readonly message: string;
}

export interface ConsoleSession {
  readonly key: string;
}

// ---- the cluster, and what is seen of it ------------------------------------------------------------------------------------

export interface ClusterStanding {
  /** `starting`: the first lists are being read. `away`: the API server does not answer; what is shown is what was last seen. */
  readonly connection: 'starting' | 'connected' | 'away';
  /** Why it is away, in a sentence. */
  readonly problem?: string;
  /** Since when it is so. */
  readonly sinceS: number;
  /** `https://10.0.0.1:6443`, and the kubeconfig's context, where it has one. */
  readonly server: string;
  readonly context?: string;
  /** Such as `1.36`; absent until the API server has told. */
  readonly kubernetes?: string;
  /** The one namespace that was chosen with -n; absent: all. */
  readonly namespace?: string;
  readonly version: string;
  /** Resources whose first list is not read yet, such as `deployments`, and how many objects were read of all so far. */
  readonly awaited: readonly string[];
  readonly objects: number;
  /** Resources that cannot be followed now although the API server answers: what is shown of them is what was last heard. */
  readonly unheard: readonly Unheard[];
  /** Which configuration the decisions are made by: `ConfigMap svidecar/svidecar`, a file, or built-in defaults; and its fault. */
  readonly configuration: { readonly words: string; readonly fault?: string };
  /**
   * Whether the API server has a hook of svidecar: without one nothing is injected, whatever a workload asks for.
   * `unknown`: hooks may not be read, or are not read yet.
   */
  readonly hooks: HookStanding;
  /** What the person may not read: said once, with what would give it. Absent: nothing is missing. */
  readonly missingRights?: MissingRights;
}

export interface Unheard {
  readonly resource: string;
  /** When something was heard of it last. */
  readonly heardS: number;
}

export type HookStanding = 'there' | 'none' | 'unknown';

export interface MissingRights {
  readonly rights: readonly MissingRight[];
  /** Some kind of workload, or pods, may not be listed: that none is shown does not mean that none is there. */
  readonly hidesWorkloads: boolean;
  /** ClusterRole (with -n: Roles too) and bindings that give all of them, as YAML to be applied by an administrator. */
  readonly role: string;
  /** Stands in `role` where the API server does not say who the person is. */
  readonly placeholder?: string;
}

export interface MissingRight {
  /** `get, list and watch pods`, `get configmaps/svidecar in svidecar`. */
  readonly what: string;
  /** What is not seen without it, in a sentence. */
  readonly consequence: string;
}

// ---- coverage --------------------------------------------------------------------------------------------------------------

/**
 * `injected`: has what it asks for, as the configuration of today would make it. `stale`: injected, but not as of today.
 * `missing`: asks, and would be injected, but is stored or runs without (also: its namespace has no label, svidecar is not installed). `refused`:
 * asks, and the webhook refuses it. `left_alone`: asks, and is not touched for a reason that the webhook has (the node's
 * network, an ignored namespace). `not_asked`: asks for nothing. `unknown`: cannot be judged from here; `why` says why.
 */
export type CoverageStatus =
  'injected' | 'stale' | 'missing' | 'refused' | 'left_alone' | 'not_asked' | 'unknown';

/** How many of each. What asks is the sum of all but `not_asked`. */
export type CoverageCounts = Readonly<Record<CoverageStatus, number>>;

export interface NamespaceRow {
  readonly name: string;
  /** Its label svidecar.dev/injection; `none`: it has none or another value; `unknown`: namespaces may not be read. */
  readonly label: 'enabled' | 'pod' | 'none' | 'unknown';
  /** Its label's value, where that is neither `enabled` nor `pod`: the webhook then sees nothing of the namespace. */
  readonly labelValue?: string;
  /** It is being deleted. */
  readonly isEnding: boolean;
  readonly counts: CoverageCounts;
}

export interface WorkloadRow {
  /** `NAMESPACE/KIND/NAME`: stable, and unique. */
  readonly id: string;
  readonly namespace: string;
  /** One of Kubernetes itself, or the kind of a controller of pods that svidecar does not know (`Rollout`). */
  readonly kind: string;
  readonly name: string;
  readonly status: CoverageStatus;
  /** Why it is so: the id of a step of the trace (`namespace_not_labelled`) or an error code, and one short sentence. */
  readonly why?: { readonly id: string; readonly message: string };
  readonly templates: readonly string[];
  /** Unfinished pods with our keys: how many, ready ones, with the helper (or what was injected) and as of today. */
  readonly pods: WorkloadPods;
  /** Grows with each change of the object, its pods or its ConfigMaps: an open view of it is asked for again then. */
  readonly revision: number;
}

export interface WorkloadPods {
  readonly total: number;
  readonly ready: number;
  readonly injected: number;
}

export interface CoverageSnapshot {
  /** Names a moment: for `since`. */
  readonly version: string;
  readonly nowS: number;
  readonly cluster: ClusterStanding;
  readonly namespaces: readonly NamespaceRow[];
  readonly workloads: readonly WorkloadRow[];
}

export type ConsoleEvent =
  /** The first of each stream, and every 5 s: the line is alive. */
  | { readonly kind: 'beat'; readonly nowS: number; readonly version: string }
  /** Only what changed, with its newest state. */
  | ({ readonly kind: 'changed'; readonly version: string } & CoverageChange)
  | { readonly kind: 'cluster'; readonly cluster: ClusterStanding }
  /** `since` is of another time or server: get the coverage again. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'run'; readonly run: RunName; readonly state: RunState }
  /** What is shown of certificates, or of bans, has changed: ask again. */
  | { readonly kind: 'certificates' | 'bans' };

export interface CoverageChange {
  readonly namespaces: readonly NamespaceRow[];
  readonly goneNamespaces: readonly string[];
  readonly workloads: readonly WorkloadRow[];
  /** Ids. */
  readonly goneWorkloads: readonly string[];
}

// ---- one workload ----------------------------------------------------------------------------------------------------------

export interface WorkloadView {
  readonly row: WorkloadRow;
  readonly nowS: number;
  /** As `svidecar explain` says it; several only where an object holds several pod templates, none where it is of a foreign kind. */
  readonly verdict: {
    /** `will be injected`, `stays as it is`, `is refused`, … */
    readonly words: string;
    readonly code?: string;
  };
  readonly steps: readonly ConsoleStep[];
  /**
   * What injection is: the object without it and with it, then each Envoy file, EnvoyFilter and the helper's settings. Of a
   * stale one, first what a restart would change: the object as stored, and as of today. Empty: it asks for nothing.
   */
  readonly texts: readonly TextPair[];
  readonly pods: readonly PodView[];
  /** Newest first. */
  readonly events: Told<readonly EventView[]>;
  readonly undo: readonly ConsoleCommand[];
  /** What may be done from here; prepared by POST `consolePaths.actions`. */
  readonly actions: readonly OfferedAction[];
}

export interface ConsoleStep {
  /** Stable; docs name it. */
  readonly id: string;
  readonly level: 'info' | 'warning';
  readonly message: string;
  /** The annotation that should be changed. */
  readonly key?: string;
}

/** YAML. Literal values of environment variables, and whatever looks like a token or a key, are replaced by `(not shown)` in both. */
export interface TextPair {
  /** `Deployment shop/frontend`, `envoy.yaml`. */
  readonly title: string;
  readonly kind: 'object' | 'envoy' | 'envoy_filter' | 'settings';
  /** Empty: there was none. */
  readonly before: string;
  readonly after: string;
  /** What `before` and `after` are, for their heads: `ConfigMap shop/envoy`, `ConfigMap shop/svidecar-envoy-1a2b`. */
  readonly beforeName: string;
  readonly afterName: string;
  /** Why a side is not known: the texts are then equal or empty. */
  readonly problem?: string;
}

export interface PodView {
  readonly name: string;
  /** `Running`, or what waits: `CrashLoopBackOff`. */
  readonly phase: string;
  readonly isReady: boolean;
  readonly restarts: number;
  readonly node?: string;
  readonly startedS?: number;
  readonly injection: 'injected' | 'missing' | 'not_asked';
}

export interface EventView {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly lastS?: number;
  /** `Deployment/frontend` or a pod of it. */
  readonly about: string;
}

export interface ConsoleCommand {
  /** What it does, in a sentence. */
  readonly words: string;
  /** To be run in a shell as it is. */
  readonly command: string;
}

export interface OfferedAction {
  readonly action: ConsoleAction;
  readonly label: string;
  /** Why one would. */
  readonly why: string;
}

export interface HelperView {
  readonly pod: string;
  readonly held: Told<HelperHolds>;
  /** Answers since the helper's start. */
  readonly answers: Told<readonly HelperAnswers[]>;
}

export interface HelperHolds {
  readonly tokens: readonly HelperToken[];
  /** By name; absent: it verifies none. */
  readonly trustDomains?: readonly string[];
  /** Why their keys may be missing or old. */
  readonly keysProblem?: string;
}

/** Never the token itself. The helper does not say since when it has one: a bar shows what is left. */
export interface HelperToken {
  readonly audience: string;
  /** Absent: it has none. */
  readonly spiffeId?: string;
  readonly issuer?: string;
  readonly validUntilS?: number;
  readonly problem?: string;
}

export interface HelperAnswers {
  readonly rule: string;
  /** `allowed`, `caller_not_allowed`, …: docs/helper.md. */
  readonly outcome: string;
  readonly isRefusal: boolean;
  /** What a refusal means, in words. */
  readonly words?: string;
  readonly count: number;
}
