/** How the helper serves Envoy: by answering it (ext_authz), or by feeding it (native). */
import type { Timers } from '#kernel/clock.ts';
import type { Rule } from '../config/settings.ts';
import type { GrpcServerOptions } from '../server/grpc-server.ts';
import type { Log, MetricFamily } from '#kernel/observe.ts';
import type { JwtBundleSource } from '../workload-api/bundle-source.ts';
import type { TokenSources } from './token-sources.ts';

export interface DataPath extends Pick<GrpcServerOptions, 'methods' | 'streams' | 'pages'> {
  /** Puts rules in force between two calls; tokens that they still need are kept. */
  serve(rules: readonly Rule[]): void;
  families(): readonly MetricFamily[];
  /** Comes about once a second. @param nowS Unix seconds */
  tidy(nowS: number): void;
  close(): void;
}

/** What both paths are made from. */
export interface DataPathContext {
  readonly tokens: TokenSources;
  /** Opens the stream of bundles when it is first wanted: a helper that only injects watches none. */
  readonly bundles: () => JwtBundleSource;
  readonly timers: Timers;
  readonly log: Log;
}
