/** Input and output of the Envoy patcher: plain values, so that templates, CLI and controller share the same terms. */
import type { FilePlace } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { EnvoyVersion } from './envoy-version.ts';

/**
 * What single routes may pass to the service that a filter asks: `context_extensions` of `ext_authz`. Where the filter is
 * not an `ext_authz`, they have no effect and are refused.
 */
export interface RouteTerms {
  /** What begins like this is meant for the rule, whichever filter it is under. */
  readonly prefix: string;
  /** Those that the service knows. */
  readonly extensions?: readonly string[] | undefined;
  /** The one of these by which a request passes unchecked, unless its value is "false". */
  readonly exempting?: string | undefined;
  /** The one of these that names the audience of the token for this route. */
  readonly audience?: string | undefined;
}

/** What a person can do instead, by what is refused or warned about. Messages end with it; without it they give no such advice. */
export interface FilterAdvice {
  /** A route sets something for the filter, or another filter asks about each request although ours does not. */
  readonly setting?: string | undefined;
  /** A request would reach the filter twice (`onceOnly`). */
  readonly repeat?: string | undefined;
  /** A request without a route passes `ext_authz` unchecked. */
  readonly unrouted?: string | undefined;
  /** What exempts paths, where they can change behind the filter. */
  readonly exempts?: string | undefined;
  /** What moves the filter in front of another one (`before`). */
  readonly before?: string | undefined;
  /** What gives each host an audience of its own (`oneAudienceForAllHosts`). */
  readonly audience?: string | undefined;
}

/** One HTTP filter that a rule wants in connection managers. The patcher knows nothing else about it. */
export interface FilterAddition {
  /** Names the addition in messages. */
  readonly rule: string;
  readonly direction: 'inbound' | 'outbound';
  /** Listener names, or `['*']` for all; absent: chosen by `traffic_direction`. */
  readonly listeners?: readonly string[];
  /** `before-terminal`: directly before the last HTTP filter, so after any authentication filter. */
  readonly place: 'before-terminal' | 'first';
  /** Key of the claims of `jwt_authn` that it looks at: it stands behind the last such filter, whatever `place` says. */
  readonly readsMetadata?: string;
  /** Dynamic metadata that it leaves, for its readers alone: without any, its members of this name are left out. */
  readonly leavesMetadata?: { readonly namespace: string; readonly by: string };
  /** An `HttpFilter`. `${cluster:NAME}` in any string of it stands for the final name of the added cluster NAME. */
  readonly filter: JsonObject;
  /** The filter puts a bearer token into requests: routes over clusters without TLS are warned about. */
  readonly carriesToken?: boolean;
  /** Every host gets a token of the same audience: a listener that routes to several clusters is warned about. */
  readonly oneAudienceForAllHosts?: boolean;
  /** Names of HTTP filters that must not see a request before this one has. */
  readonly before?: readonly string[];
  /** Some paths pass unchecked: what changes the path behind the filter is warned about. */
  readonly exemptsPaths?: boolean;
  /** Hosts (`host`, `host:port`, `*.suffix`) that the filter tells apart: what changes the host behind it is warned about. */
  readonly hosts?: readonly string[];
  /** A request that has passed the filter must not reach it again: it would mistake its own work for the client's. */
  readonly onceOnly?: boolean;
  /** The filter lets every request pass that it has no reason to refuse: it closes no listener, and bypassing it opens none. */
  readonly onlyRefuses?: boolean;
  /** Absent: nothing; whatever a route sets for the filter is judged by its type alone. */
  readonly routes?: RouteTerms | undefined;
  /**
   * Key of the gRPC metadata by which an `ext_authz` filter names its rule. One with this rule, or one that names none and
   * asks the port that this filter's cluster leads to, counts as wired by hand. Absent: only an identical filter does.
   */
  readonly ruleMetadata?: string | undefined;
  readonly advice?: FilterAdvice | undefined;
}

/** One cluster that filters refer to. */
export interface ClusterAddition {
  /** The wished name, and the NAME in `${cluster:NAME}`; a clash gives the cluster another one. */
  readonly name: string;
  /** A `Cluster`; its own `name`, and any `${cluster:NAME}` in it, become the final name. */
  readonly cluster: JsonObject;
}

/** Members of the bootstrap that are added where they are missing. */
export interface BootstrapAddition {
  readonly values: JsonObject;
  /** Why, as a clause that continues their names. */
  readonly reason?: string | undefined;
}

/** Everything that templates want in one Envoy configuration. */
export interface EnvoyAdditions {
  readonly filters: readonly FilterAddition[];
  readonly clusters: readonly ClusterAddition[];
  readonly bootstrap?: readonly BootstrapAddition[];
  /** TCP ports that the auth helper listens on: what Envoy listens on there is warned about. */
  readonly takenPorts?: readonly number[];
}

/** The ConfigMap that holds an Envoy configuration. */
export interface EnvoySource {
  /** `ConfigMap namespace/name`: begins every message. */
  readonly name: string;
  /** The ConfigMap's `data`. */
  readonly files: Readonly<Record<string, string>>;
  /** The key that the Envoy container reads. */
  readonly main: string;
  /** Where the ConfigMap is mounted, to resolve LDS and CDS paths; absent: paths are matched by their last segment. */
  readonly directory?: string;
  /** Of the Envoy that reads it; absent: unknown. */
  readonly version?: EnvoyVersion;
  /**
   * Where the container sees the keys, if that is not each of them in `directory`: path → key. A path that ends in `/` is a
   * folder in which every key (`*`) is a file of its own name; an empty key is something else. The longest path counts.
   */
  readonly paths?: Readonly<Record<string, string>>;
}

/** Stable ids: documentation, traces and metrics use them. */
export type EnvoyWarningId =
  | 'authorization_taken'
  | 'claims_not_left'
  | 'destination_not_judged'
  | 'extension_not_judged'
  | 'filter_in_front'
  | 'host_rewritten'
  | 'path_changed_behind'
  | 'token_logged'
  | 'token_seen_by_filter'
  | 'token_without_tls'
  | 'tunnel_seen_once'
  | 'one_audience_for_several_clusters'
  | 'way_past_the_check'
  | 'wired_by_hand'
  | 'listener_without_connection_manager'
  | 'listeners_from_control_plane'
  | 'chain_without_filter'
  | 'setting_reaches_older_envoy'
  | 'route_chosen_behind'
  | 'routes_not_seen'
  | 'port_clash'
  | 'discovery_file_not_found';

export interface EnvoyWarning {
  readonly id: EnvoyWarningId;
  /** Where the message begins. */
  readonly place: FilePlace;
  readonly message: string;
}

/** Something that was written, for `explain`. */
export interface EnvoyChange {
  readonly file: string;
  /** Line in the source at which the addition is, from 1. */
  readonly line: number;
  /** A sentence: what was added, and why there. */
  readonly message: string;
}

/** A range of text that the patcher wrote: UTF-16 offsets into the new text. */
export interface EnvoyInsertion {
  readonly offset: number;
  readonly length: number;
}

/** A listener whose requests need a token. */
export interface Guard {
  readonly rule: string;
  /** Its name in messages: `"in"`. */
  readonly listener: string;
  /** `file:line` */
  readonly place: string;
  /** TCP ports that it listens on. */
  readonly ports: readonly number[];
  /** Connections to other ports of the pod may be redirected to it. */
  readonly getsAllPorts: boolean;
}

/** What an Envoy configuration means for clients of the pod's ports. */
export interface InboundView {
  readonly guards: readonly Guard[];
  /** All TCP ports that Envoy listens on. */
  readonly ports: readonly number[];
  /** Ports of the pod that get requests which passed a check, each with a guard that they passed. */
  readonly appPorts: readonly { readonly port: number; readonly guard: Guard }[];
}

export interface EnvoyPatch {
  /** All files of the source; those without a change are the same strings. */
  readonly files: Readonly<Record<string, string>>;
  readonly warnings: readonly EnvoyWarning[];
  /** By file, for changed files; removing them all restores the source's text. */
  readonly insertions: Readonly<Record<string, readonly EnvoyInsertion[]>>;
  readonly changes: readonly EnvoyChange[];
  readonly inbound: InboundView;
}
