/**
 * The shape of a template: a partial pod, plus what it wants in Envoy and from the helper.
 * Data only: `${name}` in a scalar is replaced by a typed value, nothing else is interpreted.
 */
import * as z from 'zod';
import type { JsonObject } from '#kernel/json.ts';

const json = z.json();
/** Checked to be an object whose values are JSON. */
const object = z.record(z.string(), json).transform((value): JsonObject => value);

const words = z.string().min(1);

/** What a route may say to the service that an `ext_authz` filter asks (`context_extensions`); elsewhere it is refused. */
const routes = z.strictObject({
  /** What begins like this is meant for the rule. */
  prefix: words,
  /** Those that the service knows. */
  extensions: z.array(words).optional(),
  /** The one of them by which a request passes unchecked, unless its value is "false". */
  exempting: words.optional(),
  /** The one of them that names the audience of the route's tokens (`oneAudienceForAllHosts`). */
  audience: words.optional(),
});

/** What a person can do instead: messages about these matters end with it. */
const advice = z.strictObject({
  /** A route sets something for the filter that it must not, or a filter asks the helper where ours does not. */
  setting: words.optional(),
  /** A request would reach the filter twice (`onceOnly`). */
  repeat: words.optional(),
  /** A request without a route passes `ext_authz` unchecked. */
  unrouted: words.optional(),
  /** What exempts paths (`exemptsPaths`, `routes.exempting`). */
  exempts: words.optional(),
  /** What names other filters in `before`. */
  before: words.optional(),
  /** What gives each host an audience of its own (`oneAudienceForAllHosts`). */
  audience: words.optional(),
});

const filter = z.strictObject({
  /** Named in messages. */
  rule: words,
  direction: z.enum(['inbound', 'outbound']),
  /** Listener names or `*`; a whole-scalar variable without a value leaves the choice to the listeners' traffic_direction. */
  listeners: z.union([z.string(), z.array(z.string())]).optional(),
  place: z.enum(['before-terminal', 'first']).default('before-terminal'),
  /**
   * The key under which `jwt_authn` leaves claims that the filter looks at: it stands behind the last of these filters,
   * whatever `place` says. A variable without a value: it looks at none.
   */
  readsMetadata: words.optional(),
  /**
   * The filter leaves something in dynamic metadata of this namespace by its members of the name `by`. They are left out where nothing
   * in the configuration can read that, unless `always` is true.
   */
  leavesMetadata: z
    .strictObject({ namespace: words, by: words, always: z.union([z.boolean(), z.string()]) })
    .optional(),
  /** The filter lets a bearer token leave the pod: warned about where that happens without TLS. */
  carriesToken: z.boolean().default(false),
  /** Every host gets a token of the same audience: warned about where a listener routes to several clusters. */
  oneAudienceForAllHosts: z.union([z.boolean(), z.string()]).default(false),
  /** Names of HTTP filters that must not see a request before this one has. */
  before: z.union([z.string(), z.array(z.string())]).optional(),
  /** Some paths pass unchecked: warned about where another filter may change the path behind this one. */
  exemptsPaths: z.union([z.boolean(), z.string()]).default(false),
  /** Hosts that the filter tells apart: warned about where a route changes them behind it. */
  hosts: z.union([z.string(), z.array(z.string())]).optional(),
  /** A request must not pass the filter twice: refused where a redirect within Envoy, or a listener behind a listener, does that. */
  onceOnly: z.union([z.boolean(), z.string()]).default(false),
  /**
   * The filter lets every request pass that it has no reason to refuse: no listener counts as closed because of it, and nothing is
   * warned about because requests could miss it.
   */
  onlyRefuses: z.boolean().default(false),
  /** Without it, a route's setting for the filter is refused, unless Envoy's `ext_authz` asks about each request all the same. */
  routes: routes.optional(),
  /**
   * Key of the gRPC metadata by which an `ext_authz` filter names its rule: one of the user's with this rule, or one without any that asks
   * the port of this filter's own cluster, counts as wired by hand. Without it, no other filter does.
   */
  ruleMetadata: words.optional(),
  advice: advice.optional(),
  filter: object,
});

const fragment = z.strictObject({
  /** All named variables must have these values, or the fragment is left out. */
  when: z.record(z.string(), z.union([z.string(), z.boolean()])).optional(),
  /** Merged into the pod by Kubernetes' keyed lists; a container without an image merges into an existing one only. */
  pod: object.optional(),
  /** Containers beside the app: native sidecars where the cluster has them, else after the app's containers. */
  sidecars: z.array(object).optional(),
  /** Merged into each of the app's own containers. */
  everyContainer: object.optional(),
  /** One rule of the helper (see the helper's settings). */
  helperRule: object.optional(),
  /** Members of the helper's settings beside its rules. */
  helperSettings: object.optional(),
  envoy: z
    .strictObject({
      /** The oldest Envoy that knows all of it, as in `"1.33"`. */
      atLeast: z
        .string()
        .regex(/^1\.\d+$/, 'must be a version such as "1.33", in quotes')
        .optional(),
      /** Merged into the bootstrap where it lacks these values; existing values stay. */
      bootstrap: object.optional(),
      /** Why, as a clause that follows a name: "without which Envoy ...". */
      bootstrapReason: words.optional(),
      /**
       * The template brings the Envoy itself: container `envoy` among its sidecars reads the file in this directory, where the
       * ConfigMap `${envoyConfigMap}` is mounted. Its contents are rendered from `${proxyPlan}`.
       */
      own: z.strictObject({ directory: words, file: words }).optional(),
      filters: z.array(filter).default([]),
      clusters: z.array(z.strictObject({ name: z.string().min(1), cluster: object })).default([]),
    })
    .optional(),
});

export const templateSchema = z.strictObject({
  description: z.string().min(1),
  aliases: z.array(z.string()).default([]),
  /** A part of other templates: cannot be asked for by name. */
  internal: z.boolean().default(false),
  /** Templates whose fragments come before this one's. */
  includes: z.array(z.string()).default([]),
  /** For each inner list, one of these annotations (without prefix) must be set. */
  requires: z.array(z.array(z.string()).min(1)).default([]),
  fragments: z.array(fragment).min(1),
});

export type Template = Readonly<z.infer<typeof templateSchema>>;
export type Fragment = Template['fragments'][number];
