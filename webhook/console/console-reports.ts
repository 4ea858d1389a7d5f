/**
 * The rest of what server and pages say to each other: what is asked of the cluster now and then (identities, checks,
 * certificates, bans), and actions. @see webhook/console/console-model.ts, which says how
 */
/** A value, or the sentence why there is none. `not_asked` is not a fault. */
export type Told<T> =
  | { readonly kind: 'known'; readonly value: T }
  | { readonly kind: 'unknown' | 'not_asked'; readonly reason: string };

export type RunName = 'identities' | 'doctor' | 'certificates';

/** A look at the cluster that takes seconds. */
export type RunState =
  | { readonly kind: 'never' }
  | {
      readonly kind: 'running';
      readonly startedS: number;
      /** Requests answered so far; how many there will be is not known. */
      readonly asked: number;
      /** What is being asked, such as `deployments`. */
      readonly doing: string;
    }
  | { readonly kind: 'done'; readonly finishedS: number; readonly tookMs: number }
  | {
      readonly kind: 'failed';
      readonly finishedS: number;
      readonly code: string;
      readonly message: string;
    };

export interface RunAnswer<T> {
  readonly nowS: number;
  readonly state: RunState;
  /** Of the last run that succeeded, also while another runs. */
  readonly result?: T;
  /** When that was. */
  readonly resultS?: number;
}

// ---- identities ------------------------------------------------------------------------------------------------------------

export interface IdentitiesQuestion {
  /** Whether the helper of each pod is asked for its tokens: some seconds for each hundred pods. */
  readonly asksHelpers: boolean;
}

/** Who may call whom: caller → callee, by audience and `allow-callers`. */
export interface IdentitiesView {
  /** Where registrations were read from, or why not (`--spire-server` or `--entries` gives them). */
  readonly spire: Told<{ readonly source: string; readonly entries: number }>;
  readonly askedHelpers: boolean;
  /** Why something could not be read, in sentences; rights that are missing are told on every page, and not here again. */
  readonly unread: readonly string[];
  /** Whether something could not be read, for whatever reason. */
  readonly isPartial: boolean;
  readonly nodes: readonly IdentityNode[];
  readonly edges: readonly IdentityEdge[];
  /** Edges that are left out, missing ones last of all: a picture of more helps nobody. */
  readonly edgesLeftOut: number;
}

export type IdentityNode = IdentityOfWorkload | IdentityOutside;

export interface IdentityOfWorkload {
  readonly kind: 'workload';
  /** That of its row of the coverage. */
  readonly id: string;
  readonly namespace: string;
  readonly workloadKind: string;
  readonly name: string;
  readonly spiffeId?: string;
  /** Audiences that it sends tokens for, and those that it accepts; empty lists: it does not. */
  readonly sendsTo: readonly string[];
  readonly accepts: readonly string[];
  /** As written, or its own trust domain where nothing is. */
  readonly allowCallers: readonly string[];
  readonly federatesWith: readonly string[];
  /** The chain from SPIRE to its helper's tokens. */
  readonly link: IdentityStanding;
  readonly entries: readonly EntryView[];
  /** Ids of entries that give it the same identity twice. */
  readonly twins: readonly string[];
}

export type IdentityStanding =
  | { readonly status: 'complete' }
  | { readonly status: 'unknown'; readonly message: string }
  | {
      readonly status: 'missing';
      /** Which link: `injection`, `trust_domain`, `entry`, `selectors`, `parent`, `federation`, `token`. */
      readonly step: string;
      readonly message: string;
      readonly hint: string;
    };

export interface EntryView {
  readonly id: string;
  readonly selectors: readonly string[];
  /** Those of them that its pods do not meet. */
  readonly unmet: readonly string[];
  readonly federatesWith: readonly string[];
}

/** Somebody whom workloads name and who is none of them: a caller's pattern, a trust domain, or an audience that nobody here accepts. */
export interface IdentityOutside {
  readonly kind: 'caller' | 'trust_domain' | 'audience';
  /** Unique among all nodes. */
  readonly id: string;
  readonly label: string;
}

export interface IdentityEdge {
  /** Ids of nodes. */
  readonly from: string;
  readonly to: string;
  readonly audience?: string;
  /**
   * `complete`: tokens, permission and (as far as seen) identities are there. `missing`: one side wants the call and the
   * other, or SPIRE, does not provide for it. `unknown`: nothing is known to be missing, but not all of it can be seen here.
   */
  readonly status: 'complete' | 'missing' | 'unknown';
  /** What this edge is, and what is missing, in a sentence. */
  readonly words: string;
  /** What to do about it. */
  readonly hint?: string;
}

// ---- doctor ----------------------------------------------------------------------------------------------------------------

/** As `svidecar check -o json` has it. */
export interface DoctorView {
  readonly checks: readonly DoctorCheck[];
  /** Workloads and pods that were looked at. */
  readonly examined: number;
}

export interface DoctorCheck {
  /** Section of docs/check.md. */
  readonly id: string;
  readonly category: 'cluster' | 'webhook' | 'namespaces' | 'workloads' | 'identity';
  readonly claim: string;
  readonly why: string;
  readonly status: 'ok' | 'warning' | 'error' | 'unknown' | 'skipped';
  readonly findings: readonly DoctorFinding[];
  /** Why something is unknown or skipped, and what else is worth knowing. */
  readonly reasons: readonly string[];
}

export interface DoctorFinding {
  readonly severity: 'error' | 'warning';
  readonly where?: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly message: string;
  readonly key?: string;
  readonly hint: string;
}

// ---- certificates ----------------------------------------------------------------------------------------------------------

export interface CertificatesView {
  readonly hooks: readonly HookTrust[];
  /** Each certificate that is named below, once. */
  readonly certificates: readonly ShownCertificate[];
  /** As in {@link IdentitiesView}. */
  readonly unread: readonly string[];
  readonly isPartial: boolean;
}

export interface HookTrust {
  /** `pods.svidecar.dev` of `MutatingWebhookConfiguration svidecar`. */
  readonly name: string;
  readonly configuration: string;
  /** What the API server calls: `svidecar.svidecar.svc:443`. */
  readonly target: string;
  readonly failurePolicy: 'Fail' | 'Ignore';
  /** Fingerprints of its caBundle. */
  readonly trusts: readonly string[];
  readonly served: Told<readonly ServedView[]>;
}

export interface ServedView {
  /** `a TLS handshake with pod svidecar-1`, or the Secret. */
  readonly source: string;
  /** Fingerprints, the leaf first. */
  readonly chain: readonly string[];
  /** The certificate of the caBundle that the chain leads to; absent: the API server refuses it. */
  readonly trustedBy?: string;
}

export interface ShownCertificate {
  /** SHA-256, hex. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly issuer: string;
  /** DNS names and addresses. */
  readonly names: readonly string[];
  readonly isAuthority: boolean;
  readonly fromS: number;
  readonly untilS: number;
  /** When svidecar renews one of its own: at two thirds of its life. */
  readonly renewalS: number;
  readonly standing: 'good' | 'renewal_late' | 'over' | 'not_yet';
}

// ---- bans ------------------------------------------------------------------------------------------------------------------

export interface BansView {
  readonly nowS: number;
  /** Empty: no workload has a rule with a list, and the view need not be shown. */
  readonly lists: readonly BanListView[];
}

export interface BanListView {
  /** For actions. */
  readonly id: string;
  /** `ConfigMap shop/svidecar-bans, key bans.jsonl`. */
  readonly name: string;
  /** Ids of the workloads that read it. */
  readonly users: readonly string[];
  readonly bans: Told<BansShown>;
}

/** Who is banned is a claim's value: it is never here. */
export interface BansShown {
  readonly count: number;
  readonly byReason: readonly { readonly reason: string; readonly count: number }[];
  /** The first of them by their end, at most 1,000. */
  readonly shown: readonly BanView[];
}

export interface BanView {
  /** For lifting it; good until the server ends. */
  readonly id: string;
  /** Name of the claim. */
  readonly claim: string;
  readonly reason?: string;
  /** Absent: for good. */
  readonly untilS?: number;
  /** Only tokens issued before. */
  readonly issuedBeforeS?: number;
  readonly bannedS?: number;
}

// ---- actions ---------------------------------------------------------------------------------------------------------------

export type ConsoleAction =
  | {
      readonly kind: 'restart';
      readonly namespace: string;
      readonly workloadKind: string;
      readonly name: string;
    }
  | {
      readonly kind: 'ban_add';
      readonly list: string;
      readonly claim: string;
      readonly value: string;
      /** Such as `24h`; absent: for good. */
      readonly for?: string;
      readonly reason?: string;
    }
  | {
      readonly kind: 'ban_lift';
      readonly list: string;
      readonly claim: string;
      readonly value: string;
    }
  /** One that is shown. */
  | { readonly kind: 'ban_lift_shown'; readonly list: string; readonly ban: string };

export interface PreparedAction {
  readonly id: string;
  /**
   * What the CLI, or kubectl, would be told. `{value}` stands where a claim's value is, within single quotes: the page writes
   * there what was typed, each `'` as `'\\''`. Of a ban that is shown, nobody sees the value: the page says so there.
   */
  readonly command: string;
  /** What it changes, in a sentence. */
  readonly consequence: string;
  readonly validUntilS: number;
}

export interface ActionOutcome {
  /** What was done, in a sentence. Failures are a `ConsoleProblem`. */
  readonly message: string;
}
