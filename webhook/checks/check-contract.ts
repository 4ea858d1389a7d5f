/** What a check is, and its result. Ids are stable API: scripts, docs/check.md and `-o json` use them. */
import type { Assessed } from './assess.ts';
import type { ClusterFacts, ResourceName, Subject, Where } from './facts.ts';
import type { IdentityChain } from './workload-identities.ts';

export type CheckId =
  | 'annotation_placement'
  | 'annotations_valid'
  | 'app_port'
  | 'autoscaling'
  | 'config_maps'
  | 'configuration'
  | 'csi_driver'
  | 'entry_id_prefix'
  | 'entry_present'
  | 'entry_selectors'
  | 'entry_single'
  | 'envoy_configuration'
  | 'envoy_filter'
  | 'envoy_version'
  | 'federated_bundles'
  | 'field_managers'
  | 'gitops_drift'
  | 'guard_policy'
  | 'helper_current'
  | 'helper_present'
  | 'injection_possible'
  | 'istio_jwt_rules'
  | 'istio_policies'
  | 'kubernetes_version'
  | 'namespace_label'
  | 'pod_security'
  | 'port_clash'
  | 'probes'
  | 'resource_limits'
  | 'revision_current'
  | 'revision_served'
  | 'service_target'
  | 'spiffe_id_override'
  | 'spire_agent'
  | 'spire_server'
  | 'trust_domain'
  | 'webhook_answers'
  | 'webhook_certificate'
  | 'webhook_configured'
  | 'webhook_replicas'
  | 'webhook_service'
  | 'workload_api';

export type Category = 'cluster' | 'webhook' | 'namespaces' | 'workloads' | 'identity';
/** `error`: something does not work, or is not protected. `warning`: it works, but may surprise. */
export type Severity = 'error' | 'warning';

export interface Finding {
  readonly severity: Severity;
  readonly where: Where | undefined;
  /** What was found, in one sentence. */
  readonly message: string;
  /** The full key that should be changed. */
  readonly key?: string | undefined;
  /** What to do next. */
  readonly hint: string;
}

export interface CheckOutcome {
  readonly findings: readonly Finding[];
  /** Sentences: what could not be read but should be; the exit code then reports it. */
  readonly unread?: readonly string[];
  /** Sentences: what else is worth knowing. */
  readonly notes?: readonly string[];
  /** Why there was nothing to check, or nothing visible from here. */
  readonly skipped?: string;
}

/** What a check reads; `objects` gives what was read, and is only called for what `reads` names. */
export interface Material {
  readonly facts: ClusterFacts;
  /** Every workload and pod with one of our keys, with the decision about it. */
  readonly assessed: readonly Assessed[];
  readonly objects: (name: ResourceName) => readonly Subject[];
  /** Computed once, on first use. */
  readonly identities: () => readonly IdentityChain[];
}

export interface Check {
  readonly id: CheckId;
  readonly category: Category;
  /** What is true when the check passes. */
  readonly claim: string;
  /** Why it matters, in one sentence. */
  readonly why: string;
  /** Whether manifests alone can be judged. */
  readonly offline: boolean;
  /** Without these the check is not run, and its status is `unknown`. */
  readonly reads: readonly ResourceName[];
  readonly run: (material: Material) => CheckOutcome;
}

export function found(findings: readonly Finding[]): CheckOutcome {
  return { findings };
}

export function skipped(reason: string): CheckOutcome {
  return { findings: [], skipped: reason };
}
