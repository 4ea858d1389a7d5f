/** The trace of one decision: ordered steps with stable ids, shown to people in four places. */
import { printable } from '#kernel/text.ts';

/** Stable API: metrics, audit annotations and documentation use these ids. */
export type StepId =
  | 'annotation_on_workload'
  | 'annotation_unread'
  | 'annotations_without_templates'
  | 'app_port_open'
  | 'awaits_container'
  | 'being_deleted'
  | 'callers_not_federated'
  | 'configmap_differs'
  | 'configmap_refused'
  | 'configmap_restored'
  | 'configmap_taken'
  | 'configmaps_unattended'
  | 'controller_owned'
  | 'deprecated'
  | 'drain_cut_short'
  | 'envoy_added'
  | 'envoy_config_awaited'
  | 'envoy_config_doubtful'
  | 'envoy_config_invalid'
  | 'envoy_config_patched'
  | 'envoy_container_found'
  | 'envoy_filter_differs'
  | 'envoy_filter_impossible'
  | 'envoy_filter_missing'
  | 'envoy_filter_planned'
  | 'envoy_filter_refused'
  | 'envoy_filter_restored'
  | 'envoy_filter_stands'
  | 'envoy_filter_taken'
  | 'envoy_filter_unread'
  | 'envoy_version_fits'
  | 'envoy_version_unknown'
  | 'envoy_warning'
  | 'federates_with_itself'
  | 'federates_with_unreadable'
  | 'federation_awaited'
  | 'federation_unused'
  | 'helper_added'
  | 'helper_ends_first'
  | 'helper_overlay'
  | 'host_network'
  | 'immutable'
  | 'init_before_envoy'
  | 'injected'
  | 'istio_mark_unsure'
  | 'istio_socket_name'
  | 'istio_warning'
  | 'key_as_label'
  | 'key_unknown'
  | 'kind_not_changed'
  | 'mirror_pod'
  | 'namespace_ignored'
  | 'namespace_not_labelled'
  | 'namespace_pods_only'
  | 'namespace_unread'
  | 'native_sidecar'
  | 'not_requested'
  | 'other_revision'
  | 'revision_chosen'
  | 'revision_unknown'
  | 'object_unknown'
  | 'opted_out'
  | 'pod_level_resources'
  | 'pod_never_ends'
  | 'port_clash'
  | 'port_needs_root'
  | 'probe_without_certificate'
  | 'probe_without_token'
  | 'refused'
  | 'registration_awaited'
  | 'registration_foreign'
  | 'registration_refused'
  | 'socket_added'
  | 'socket_reused'
  | 'status_invalid'
  | 'status_newer'
  | 'stored_without'
  | 'template_unchanged'
  | 'templates_requested'
  | 'unchanged'
  | 'uninjected'
  | 'upstreams_not_federated'
  | 'user_value_kept'
  | 'validates_nothing';

export interface TraceStep {
  readonly id: StepId;
  /** One sentence: what was seen or done, and what to do next where that helps. */
  readonly message: string;
  readonly level: 'info' | 'warning';
  /** The full key that should be changed. */
  readonly key?: string;
}

/** Collects the steps of one decision, in order. */
export class Trace {
  readonly steps: TraceStep[] = [];

  say(id: StepId, message: string): void {
    this.steps.push({ id, message, level: 'info' });
  }

  warn(id: StepId, message: string, key?: string): void {
    this.steps.push({ id, message, level: 'warning', ...(key === undefined ? {} : { key }) });
  }
}

/** The trace as text, one step per line. */
export function traceText(steps: readonly TraceStep[]): string {
  return steps.map((step) => `${step.id}: ${printable(step.message)}`).join('\n');
}
