/** Writes random Envoy configurations that Envoy accepts, in styles that people use. */
import * as arb from 'fast-check';
import type fc from 'fast-check';
import { type Json, type JsonObject, isArray, isObject } from '#kernel/json.ts';
import { pick } from '../pick.ts';

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const filterTypes = {
  'envoy.filters.http.jwt_authn': 'jwt_authn.v3.JwtAuthentication',
  'envoy.filters.http.rbac': 'rbac.v3.RBAC',
  'envoy.filters.http.cors': 'cors.v3.Cors',
  'envoy.filters.http.router': 'router.v3.Router',
} as const;

export interface ConfigurationOptions {
  /** At least one listener of each direction, and none without. */
  readonly withDirections: boolean;
}

/** The text of a bootstrap with 2 to 4 listeners and as many clusters. */
export function writeConfiguration(g: fc.GeneratorValue, options: ConfigurationOptions): string {
  const value = configurationOf(g, options);
  const style = pick(g, 'block', 'block', 'block', 'flow', 'json', 'tabs');
  if (style === 'json') return JSON.stringify(value, null, pick(g, 0, 2, 4));
  if (style === 'tabs') return `${JSON.stringify(value, null, '\t')}\n`;
  const writer = new YamlWriter(g);
  const text = style === 'flow' ? `${writer.flow(value)}\n` : writer.document(value);
  return g(arb.nat, 3) === 0 ? text.replaceAll('\n', '\r\n') : text;
}

function configurationOf(
  g: fc.GeneratorValue,
  { withDirections }: ConfigurationOptions,
): JsonObject {
  const directions = ['INBOUND', 'OUTBOUND', 'INBOUND', 'OUTBOUND'].slice(0, 2 + g(arb.nat, 2));
  const listeners = directions.map((direction, index) => ({
    name: `listener-${index}`,
    ...(withDirections ? { traffic_direction: direction } : {}),
    address: addressOf('127.0.0.1', 10_000 + index),
    filter_chains: [{ filters: [managerOf(g, index)] }],
  }));
  const clusters = directions.map((_direction, index) => clusterOf(g, index));
  // A cluster of the user's own may have the name that ours wants.
  if (g(arb.nat, 3) === 0)
    clusters.push({ ...clusterOf(g, 0), name: pick(g, 'ext-authz', 'auth-helper') });
  const admin = { address: addressOf('127.0.0.1', 9901) };
  const node = pick<JsonObject>(
    g,
    {},
    { node: {} },
    { node: { id: 'a' } },
    { node: { id: 'a', cluster: 'b' } },
  );
  return g(arb.boolean)
    ? { ...node, admin, static_resources: { listeners, clusters } }
    : { static_resources: { clusters, listeners }, admin, ...node };
}

function managerOf(g: fc.GeneratorValue, index: number): JsonObject {
  const own = [
    'envoy.filters.http.jwt_authn',
    'envoy.filters.http.rbac',
    'envoy.filters.http.cors',
  ];
  const names = own.filter(() => g(arb.boolean)) as (keyof typeof filterTypes)[];
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': managerType,
      stat_prefix: `stat_${index}`,
      route_config: {
        virtual_hosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [
              { match: { prefix: '/' }, route: { cluster: `cluster-${index}`, timeout: '3s' } },
            ],
          },
        ],
      },
      http_filters: [...names, 'envoy.filters.http.router' as const].map((name) => ({
        name,
        typed_config: {
          '@type': `type.googleapis.com/envoy.extensions.filters.http.${filterTypes[name]}`,
        },
      })),
    },
  };
}

function clusterOf(g: fc.GeneratorValue, index: number): JsonObject {
  const name = `cluster-${index}`;
  return {
    name,
    type: pick(g, 'STATIC', 'LOGICAL_DNS'),
    connect_timeout: '0.5s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf('10.0.0.1', 80 + index) } }] }],
    },
  };
}

function addressOf(address: string, port: number): JsonObject {
  return { socket_address: { address, port_value: port } };
}

/** One style for a whole document, with comments and blank lines where the generator wants them. */
class YamlWriter {
  readonly #g: fc.GeneratorValue;
  readonly #step: number;
  readonly #listStep: number;
  readonly #quote: string;
  readonly #flowDepth: number;

  constructor(g: fc.GeneratorValue) {
    this.#g = g;
    this.#step = pick(g, 2, 2, 4, 3);
    this.#listStep = pick(g, 0, 2, 1);
    this.#quote = pick(g, '"', "'");
    this.#flowDepth = pick(g, 3, 6, 9, 20);
  }

  document(value: Json): string {
    const head = pick(this.#g, '', '---\n', '# Envoy\n');
    const tail = pick(this.#g, '\n', '', '\n# end\n', '\n---\nother: 1\n');
    return `${head}${this.#block(value, 0, 0)}${tail}`;
  }

  flow(value: Json): string {
    if (isArray(value)) return `[${value.map((item) => this.flow(item)).join(', ')}]`;
    if (!isObject(value)) return this.#scalar(value);
    const pairs = Object.entries(value).map(
      ([key, item = null]) => `${this.#key(key)}: ${this.flow(item)}`,
    );
    return `{${pairs.join(', ')}}`;
  }

  #block(value: Json, column: number, depth: number): string {
    if (!isObject(value) && !isArray(value)) return this.#scalar(value);
    const parts = isArray(value)
      ? value.map((item) => `- ${this.#block(item, column + 2, depth + 1)}`)
      : Object.entries(value).map(([key, item = null]) => this.#pair([key, item], column, depth));
    const pad = ' '.repeat(column);
    return parts
      .map((part, index) => (index === 0 ? part : `\n${this.#between()}${pad}${part}`))
      .join('');
  }

  #pair([key, value]: readonly [string, Json], column: number, depth: number): string {
    if (!isObject(value) && !isArray(value)) {
      return `${this.#key(key)}: ${this.#scalar(value)}${this.#comment()}`;
    }
    if (depth >= this.#flowDepth) return `${this.#key(key)}: ${this.flow(value)}${this.#comment()}`;
    const inner = column + (isArray(value) ? this.#listStep : this.#step);
    const body = this.#block(value, inner, depth + 1);
    return `${this.#key(key)}:${this.#comment()}\n${this.#between()}${' '.repeat(inner)}${body}`;
  }

  #key(key: string): string {
    return key.startsWith('@') ? `${this.#quote}${key}${this.#quote}` : key;
  }

  #scalar(value: Json): string {
    if (typeof value !== 'string') return JSON.stringify(value);
    return /^[a-z][a-z0-9._-]*$/i.test(value) && this.#g(arb.nat, 3) > 0
      ? value
      : `${this.#quote}${value}${this.#quote}`;
  }

  #comment(): string {
    return pick(this.#g, '', '', '', '', ' # note', '\t', '\t# tab');
  }

  #between(): string {
    return pick(this.#g, '', '', '', '', '', '', '\n', '# between\n');
  }
}
