/**
 * What may be said about a fault in an Envoy configuration to somebody who may not read it: a fixed sentence for each id, so
 * that nothing of the file can be in it.
 */
import type { Reason } from '#kernel/reasons.ts';
import { clusterLimits, maxNesting } from '../editing/text-limits.ts';
import type { EnvoyWarningId } from '../envoy/patch-contract.ts';

const { maxCharacters, maxTokens, maxValues } = clusterLimits;
const count = (limit: number): string => limit.toLocaleString('en');

const byAnnotation =
  'set traffic_direction (INBOUND or OUTBOUND) on each listener, or name listeners in svidecar.dev/inject-listeners and svidecar.dev/validate-listeners';

const onlyOnce =
  'which this rule does not allow: it would mistake its own work for that of the client';
const orElse =
  'or set svidecar.dev/data-path: ext-authz for jwt-inject, svidecar.dev/forward-token: "true" for jwt-validate';

/** Of the text, before it is a configuration. */
const ofTexts = {
  alias_unknown: 'a YAML alias has no finished anchor before it; write the value out',
  character_refused:
    'a control character, a lone carriage return or half of a character is here; remove it, or write it as an escape in double quotes',
  config_key_missing:
    'the ConfigMap has no key of the name that Envoy is to read; add the key, or correct the path in the arguments of the Envoy container',
  copy_too_large:
    'with what svidecar adds, the copy would have more than 1 MiB, which the API server does not store; move what Envoy does not read from here into a ConfigMap of its own',
  file_kind_refused:
    'Envoy goes by the end of a path: it reads .pb and .pb_text as protobuf, which svidecar does not, and one key at two paths perhaps as YAML and as JSON; write the file as YAML or JSON, under one name',
  file_not_json:
    'Envoy reads this file as JSON, because its name does not end in .yaml or .yml, and it is not JSON (RFC 8259); correct it here, or give it such a name',
  key_not_a_text:
    'there is a list or map where a key must be a string; if the file is a template ({{ }}), fill it in first',
  key_stands_twice: 'a key is in the same map twice; keep one of them',
  keys_too_long: 'the keys on the way to this place are too long together; shorten them',
  merge_key_refused:
    'Envoy does not merge (<<) and takes the key for a field of that name; write out what it brings',
  nested_too_deep: `more than ${count(maxNesting)} levels are nested here; write it flatter`,
  not_a_map: 'it is not a map, as an Envoy configuration must be; is this the right key?',
  not_utf8: 'it is in binaryData and not UTF-8 text; write it as UTF-8 under data',
  place_not_editable:
    'the change has no place of its own here (anchor and alias, merge key or unusual layout); write this part out plainly',
  placeholders_not_filled_in:
    'it cannot be read as YAML or JSON, and it looks like a template with placeholders; put them in quotation marks, or fill them in first',
  read_differently:
    'Envoy reads a text that is written like this in another way (>+, and the escapes \\_ and \\N); write it in another way',
  tag_refused:
    'Envoy reads tagged values differently from other readers; remove the tag, and quote what is a string',
  template_not_filled_in:
    'it cannot be read as YAML or JSON, and it looks like a template of Helm or Go ({{ }}); fill it in first: helm template <chart> prints manifests',
  text_too_large: `it has more than ${count(maxCharacters)} characters, ${count(maxTokens)} words and marks, or ${count(maxValues)} keys and values (aliases written out); split it`,
  text_unparsable: 'it cannot be read as YAML or JSON; correct the syntax here',
  too_many_blank_lines: 'too many blank lines and comments follow one another; remove some',
} as const;

const ofFilters = {
  field_spelled_twice:
    'a field is there in both spellings (snake_case and camelCase), and Envoy reads both; write them as one',
  filter_not_found:
    'no listener has the filter that svidecar.dev/validate-before names; correct the annotation',
  filters_not_a_list: 'there is a single filter where a list of filters is needed; write a list',
  hand_wired_fault:
    'a filter is to ask the helper, but a field of it, of its cluster or of a route lets requests pass unchecked; correct it, or remove the filter and let svidecar do the wiring',
  hand_wired_without_ext_authz:
    'a filter asks the helper about each request, which it does not answer in this data path; remove the filter, or set svidecar.dev/data-path: ext-authz',
  manager_without_filters:
    'an HTTP connection manager has no http_filters; give it at least envoy.filters.http.router',
  old_api:
    'a filter is written for the v2 API, which Envoy dropped in 1.17; write it with typed_config and a v3 type',
  own_name_taken:
    "a filter has a name that is svidecar's, but is not what svidecar writes; remove it, or give it another name",
  typed_config_without_type:
    'a typed_config has no "@type", so Envoy cannot read it; add the v3 type',
} as const;

const ofRoutes = {
  listeners_lead_too_far:
    'the listeners of this Envoy lead to one another in so many ways that they are not followed; have fewer lead on to others, or divide the configuration',
  listener_behind_listener: `requests of one chosen listener reach another one of the same Envoy, ${onlyOnce}; name one of the two in the annotations, ${orElse}`,
  redirect_within_envoy: `Envoy follows redirects itself here, ${onlyOnce}; remove the redirect policy, ${orElse}`,
  route_opens:
    'a route sets something for a filter that a template adds, by which requests could pass without it; remove it, or, for jwt-inject and jwt-validate, use svidecar-skip or svidecar.dev/skip-paths',
  setting_for_no_filter:
    'a route sets something for a filter that is not there; correct the name, or remove the setting',
  setting_under_other_filter:
    "svidecar- settings are under the name of another filter and would not reach svidecar's; write them under svidecar.jwt-inject or svidecar.jwt-validate",
  setting_without_ext_authz:
    'a route sets something for the check, which has no effect in this data path; remove the setting, or set svidecar.dev/data-path: ext-authz',
  too_many_hosts:
    'the hosts of svidecar.dev/audience-by-host and those of the routes would take too many comparisons; name fewer hosts (*.suffix stands for many), or divide the configuration',
  settings_under_two_names:
    "routes set something under svidecar's name and under envoy.filters.http.ext_authz, and a filter has one name; write all of it under svidecar's",
} as const;

const ofListeners = {
  bootstrap_member_unusable:
    'a field of the bootstrap that a template needs (node.id, node.cluster and the like) is empty or not a map; write it, or remove the line',
  discovery_file_missing:
    'the file of listeners that lds_config names is not among those that the container gets from this ConfigMap by the same mount and volume source, and there are no other listeners; put it there',
  listener_not_found:
    'there is no listener of a name that an annotation gives (svidecar.dev/inject-listeners, svidecar.dev/validate-listeners); correct the name',
  listener_without_http:
    'a listener that an annotation names has no HTTP connection manager, and only HTTP requests can carry a token; name another listener',
  listeners_ambiguous: `two templates are asked for, and nothing says which listener is for which; ${byAnnotation}`,
  no_connection_manager:
    'there is no HTTP connection manager, and only HTTP requests can carry a token; if the listeners come from a control plane (xDS), add the filter there',
  no_listener_left: `no listener with a connection manager is left for a template; ${byAnnotation}`,
} as const;

const refusals: Readonly<Record<Reason, string>> = {
  ...ofTexts,
  ...ofFilters,
  ...ofRoutes,
  ...ofListeners,
};

const warnings: Readonly<Record<EnvoyWarningId, string>> = {
  authorization_taken: 'another filter writes the Authorization header too; remove one',
  chain_without_filter:
    'a part of a listener gets no filter; end it with an HTTP connection manager that can be seen',
  claims_not_left:
    'no jwt_authn leaves claims under the key that ban-token names, so nobody would be banned; write the key of one',
  destination_not_judged:
    'where a request with a token goes cannot be judged; name the cluster, or trust what chooses it',
  discovery_file_not_found: 'a discovery file is not in the ConfigMap; put it there',
  extension_not_judged:
    'an extension of the bootstrap, or code for listeners or sockets, is not judged; remove it, or trust it',
  filter_in_front:
    'a filter that cannot be judged stands before the check; set svidecar.dev/validate-before, or trust it',
  host_rewritten:
    'a route rewrites the host after audience-by-host was applied; name the host that the app sends',
  listener_without_connection_manager:
    'a listener has no HTTP connection manager and gets no filter; name listeners in the annotations',
  listeners_from_control_plane:
    'listeners come from a control plane (xDS) and get no filter; add it there',
  one_audience_for_several_clusters:
    'several destinations get tokens that the others accept; set svidecar.dev/audience-by-host',
  path_changed_behind: 'a filter behind the check may change the path; make sure that it does not',
  port_clash: 'Envoy listens on a port of the helper; give it another port',
  route_chosen_behind:
    'a filter behind the check may give a request another route, or answer it, and ext_authz skips requests without a route; give each virtual host a last route for all paths, or set svidecar.dev/data-path: native',
  routes_not_seen:
    'routes that cannot be seen may set something for the check; put them into the same ConfigMap',
  setting_reaches_older_envoy:
    'in an Envoy before 1.29 a setting for another filter reaches the check; use 1.29 or later',
  token_logged:
    'an access log, a trace or a tap of the connection writes the token; leave the header out, or remove the tap',
  token_seen_by_filter:
    'a filter sees the token, behind the injection or when the answer comes; trust it, or remove it',
  token_without_tls:
    'a token would leave through a cluster without TLS that verifies who answers; give each endpoint a TLS transport_socket',
  tunnel_seen_once:
    'what is sent in a CONNECT tunnel is neither checked nor given a token; use a listener of its own',
  way_past_the_check:
    'a listener without the check can be reached from outside and leads to the same port of the app; bind it to 127.0.0.1, or name it in svidecar.dev/validate-listeners',
  wired_by_hand:
    'a filter does the work of a template already and is left alone; nothing to do, or remove it',
};

/** `old_api: a filter is …`; undefined where there is nothing that may be revealed. */
export function toldRefusal(reason: Reason | undefined): string | undefined {
  return reason === undefined ? undefined : `${reason}: ${refusals[reason]}`;
}

export function toldWarning(id: EnvoyWarningId): string {
  return `${id}: ${warnings[id]}`;
}
