/** The template `jwt-ban`: a filter that only refuses, and so protects nothing and opens nothing. */
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { readSettings } from '../../../../sidecar/config/settings.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import type { EnvoyPatch } from '../../../../webhook/envoy/patch-contract.ts';
import { additionsOf } from '../../../../webhook/injection/envoy-plan.ts';
import { statusOf } from '../../../../webhook/injection/status.ts';
import type { Engine } from '../../../../webhook/injection/inject.ts';
import { decideOn, injected, valueAt } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';

const type = 'type.googleapis.com/envoy.extensions.filters';
const router = `{name: router, typed_config: {"@type": ${type}.http.router.v3.Router}}`;
const lua = `{name: code, typed_config: {"@type": ${type}.http.lua.v3.Lua}}`;

function podFor(annotations: Readonly<Record<string, string>>): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'edge', namespace: 'shop', annotations },
    spec: {
      containers: [
        {
          name: 'envoy',
          image: 'envoyproxy/envoy:v1.40.0',
          args: ['-c', '/etc/envoy/envoy.yaml'],
          volumeMounts: [{ name: 'envoy', mountPath: '/etc/envoy' }],
        },
      ],
      volumes: [{ name: 'envoy', configMap: { name: 'edge' } }],
    },
  };
}

const templates = (names: string, more = {}) => ({
  'inject.svidecar.dev/templates': names,
  ...more,
});

function settingsOf(annotations: Readonly<Record<string, string>>, engine: Engine) {
  const pod = injected(podFor(annotations), { engine });
  const text = statusOf(pod)?.helper?.settings ?? '';
  return readSettings(text, 'helper.yaml').rules.find(({ mode }) => mode === 'ban');
}

/** An edge that anybody reaches, whose first filter runs code, and whose routes say something about checks. */
function patched(
  names: string,
  {
    routes = '',
    annotations = {},
    front = [lua],
  }: {
    readonly routes?: string;
    readonly annotations?: object;
    readonly front?: readonly string[];
  } = {},
): EnvoyPatch {
  const engine = engineFor();
  const plan = statusOf(injected(podFor(templates(names, annotations)), { engine }))?.envoy;
  if (plan === undefined) throw new Error('there is no plan');
  const route = `{match: {prefix: /}, route: {cluster: app}${routes}}`;
  const manager = `{name: hcm, typed_config: {"@type": ${type}.network.http_connection_manager.v3.HttpConnectionManager, route_config: {virtual_hosts: [{name: all, domains: ["a.test"], routes: [${route}]}]}, http_filters: [${[...front, router].join(', ')}]}}`;
  const address = '{socket_address: {address: 0.0.0.0, port_value: 8080}}';
  const text = `static_resources:
  listeners:
  - {name: edge, address: ${address}, filter_chains: [{filters: [${manager}]}]}
  clusters:
  - {name: app, load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 80}}}}]}]}}
`;
  const source = { name: 'ConfigMap shop/edge', files: { 'envoy.yaml': text }, main: 'envoy.yaml' };
  return patchEnvoy(
    { ...source, version: { major: 1, minor: 40 } },
    additionsOf(plan, engine.library),
  );
}

function filterNames({ files }: EnvoyPatch): readonly string[] {
  const root: unknown = parse(files['envoy.yaml'] ?? '');
  const [listener] = listAt(objectAt(isObject(root) ? root : {}, 'static_resources'), 'listeners');
  const [chain] = listAt(isObject(listener) ? listener : {}, 'filter_chains');
  const [manager] = listAt(isObject(chain) ? chain : {}, 'filters');
  const config = objectAt(isObject(manager) ? manager : {}, 'typed_config');
  return listAt(config, 'http_filters').map(
    (one) => stringAt(isObject(one) ? one : {}, 'name') ?? '',
  );
}

describe('the filter of jwt-ban', () => {
  test('protects no listener, and what could get past it is not warned about', () => {
    const { warnings, inbound } = patched('jwt-ban');
    expect(warnings).toEqual([]);
    expect(inbound).toEqual({ guards: [], ports: [8080], appPorts: [] });
  });

  test('takes no warning away from jwt-validate beside it, and nothing of its protection', () => {
    const alone = patched('jwt-validate');
    const both = patched('jwt-ban, jwt-validate');
    expect(both.warnings).toEqual(alone.warnings);
    expect(both.warnings.length).toBeGreaterThan(0);
    expect(both.inbound).toEqual(alone.inbound);
    expect(both.inbound.guards.map(({ rule }) => rule)).toEqual(['jwt-validate']);
  });

  test('is the first of its list, in whatever order the templates are named', () => {
    for (const names of ['jwt-ban, jwt-validate', 'jwt-validate, jwt-ban'])
      expect(filterNames(patched(names))).toEqual([
        'svidecar.jwt-ban',
        'code',
        'svidecar.jwt-validate',
        'router',
      ]);
  });

  test('stands behind what verifies tokens where it looks at their claims, ours included', () => {
    const verified = { 'svidecar.dev/ban-token': 'metadata:payload' };
    for (const names of ['jwt-ban, jwt-validate', 'jwt-validate, jwt-ban']) {
      expect(filterNames(patched(names, { annotations: verified }))).toEqual([
        'code',
        'svidecar.jwt-validate',
        'svidecar.jwt-ban',
        'router',
      ]);
    }
    // A cache would keep filters behind it from seeing a request; whatever verifies tokens comes first all the same.
    const cache = `{name: cache, typed_config: {"@type": ${type}.http.cache.v3.CacheConfig}}`;
    const authn = `{name: authn, typed_config: {"@type": ${type}.http.jwt_authn.v3.JwtAuthentication}}`;
    const places = (...front: readonly string[]) =>
      filterNames(patched('jwt-ban', { annotations: verified, front }));
    expect(places(authn, cache)).toEqual(['authn', 'svidecar.jwt-ban', 'cache', 'router']);
    expect(places(cache, authn)).toEqual(['cache', 'authn', 'svidecar.jwt-ban', 'router']);
    expect(places(authn, lua, authn, lua)).toEqual([
      'authn',
      'code',
      'authn',
      'code',
      'svidecar.jwt-ban',
      'router',
    ]);
  });

  test('is warned about where nothing leaves the claims that it looks at', () => {
    const ids = (names: string, key: string, ...front: readonly string[]) =>
      patched(names, { annotations: { 'svidecar.dev/ban-token': `metadata:${key}` }, front })
        .warnings.map(({ id }) => id)
        .filter((id) => id === 'claims_not_left');
    const authn = (provider: string): string =>
      `{name: authn, typed_config: {"@type": ${type}.http.jwt_authn.v3.JwtAuthentication, providers: {one: {}, two: ${provider}}}}`;
    expect(ids('jwt-ban', 'payload')).toEqual(['claims_not_left']);
    expect(ids('jwt-ban', 'payload', authn('{payload_in_metadata: other}'))).toHaveLength(1);
    expect(ids('jwt-ban', 'payload', authn('{payload_in_metadata: payload}'))).toEqual([]);
    expect(ids('jwt-ban', 'payload', authn('{payloadInMetadata: payload}'))).toEqual([]);
    expect(ids('jwt-ban', 'payload', '{name: a, config_discovery: {}}')).toEqual([]);
  });

  test('can look at what jwt-validate has verified on the data path native', () => {
    const annotations = {
      'svidecar.dev/data-path': 'native',
      'svidecar.dev/ban-token': 'metadata:svidecar',
    };
    const patch = patched('jwt-ban, jwt-validate', { annotations, front: [] });
    expect(patch.warnings.filter(({ id }) => id === 'claims_not_left')).toEqual([]);
    expect(filterNames(patch)).toEqual(['svidecar.jwt-validate', 'svidecar.jwt-ban', 'router']);
  });

  test('asks for the claims only where it looks at them', () => {
    const text = (annotations = {}) => patched('jwt-ban', { annotations }).files['envoy.yaml'];
    expect(text()).not.toContain('metadata_context_namespaces');
    expect(text({ 'svidecar.dev/ban-token': 'metadata:payload' })).toMatch(
      /metadata_context_namespaces: \[envoy.filters.http.jwt_authn\]/,
    );
  });

  test('leaves the usual name, and what routes say under it, to jwt-validate', () => {
    const perRoute = `{"@type": ${type}.http.ext_authz.v3.ExtAuthzPerRoute, check_settings: {context_extensions: {svidecar-skip: "true"}}}`;
    const routes = `, typed_per_filter_config: {envoy.filters.http.ext_authz: ${perRoute}}`;
    expect(filterNames(patched('jwt-ban, jwt-validate', { routes }))).toEqual([
      'svidecar.jwt-ban',
      'code',
      'envoy.filters.http.ext_authz',
      'router',
    ]);
    const own = `, typed_per_filter_config: {svidecar.jwt-ban: ${perRoute}}`;
    expect(filterNames(patched('jwt-ban', { routes: own }))).toContain('svidecar.jwt-ban');
  });
});

describe('what annotations and configuration say of bans', () => {
  test('defaults', () => {
    expect(settingsOf(templates('jwt-ban'), engineFor())).toEqual({
      name: 'jwt-ban',
      mode: 'ban',
      claims: ['sub'],
      store: { file: '/etc/svidecar-bans/bans.jsonl' },
      body: 'banned\n',
    });
  });

  const bans = {
    claims: ['email'],
    hosts: ['a.test'],
    token: 'cookie:sid',
    body: 'no\n',
    store: 'central',
    stores: { central: { configMap: 'all-bans' }, other: { configMap: 'some', key: 'list' } },
  };

  test('the configuration changes them, and annotations change that', () => {
    const engine = engineFor({ bans });
    expect(settingsOf(templates('jwt-ban'), engine)).toMatchObject({
      claims: ['email'],
      hosts: ['a.test'],
      cookie: 'sid',
      body: 'no\n',
    });
    const annotations = templates('jwt-ban', {
      'svidecar.dev/ban-claims': 'jti',
      'svidecar.dev/ban-hosts': '*.b.test',
      'svidecar.dev/ban-token': 'header',
      'svidecar.dev/ban-store': 'other',
    });
    const rule = settingsOf(annotations, engine);
    expect(rule).toMatchObject({ claims: ['jti'], hosts: ['*.b.test'] });
    expect(rule).toMatchObject({ store: { file: '/etc/svidecar-bans/list' } });
    expect(rule).not.toHaveProperty('cookie');
    const verified = { ...annotations, 'svidecar.dev/ban-token': 'metadata:payload' };
    expect(settingsOf(templates('jwt-ban', verified), engine)).toMatchObject({
      metadata: 'payload',
    });
    const pod = injected(podFor(annotations), { engine });
    expect(valueAt(pod, '/spec/volumes/name=svidecar-bans/configMap')).toEqual({
      name: 'some',
      optional: true,
    });
  });

  test('a store may be a service, and then there is no volume', () => {
    const http = 'https://accounts.a.test/check';
    const engine = engineFor({ bans: { stores: { default: { http, deadlineMs: 30 } } } });
    const store = { http, deadlineMs: 30, connections: 64 };
    expect(settingsOf(templates('jwt-ban'), engine)).toMatchObject({ store });
    const pod = injected(podFor(templates('jwt-ban')), { engine });
    expect(valueAt(pod, '/spec/volumes/name=svidecar-bans')).toBeUndefined();
  });

  describe('a store may be Redis', () => {
    const files = '/etc/svidecar-ban-secrets';
    const injectedWith = (redis: object): readonly [rule: unknown, pod: JsonObject] => {
      const engine = engineFor({ bans: { stores: { default: { redis } } } });
      const pod = injected(podFor(templates('jwt-ban')), { engine });
      return [settingsOf(templates('jwt-ban'), engine), pod];
    };
    const sourcesIn = (pod: JsonObject) =>
      valueAt(pod, '/spec/volumes/name=svidecar-ban-secrets/projected/sources');

    test('without secrets there is no volume', () => {
      const [rule, pod] = injectedWith({ url: 'redis://redis.edge:6379/1', mirrored: 1_000 });
      expect(rule).toMatchObject({
        store: { redis: { url: 'redis://redis.edge:6379/1', mirrored: 1_000, prefix: 'ban:' } },
      });
      expect(valueAt(pod, '/spec/volumes')).toHaveLength(2);
    });

    test('of each Secret the helper gets the keys that it uses, as files, and the pod starts without them', () => {
      const [rule, pod] = injectedWith({
        sentinel: { servers: ['s-0.redis:26379', 's-1.redis:26379'], master: 'bans' },
        auth: { secret: 'redis', passwordKey: 'redis-password', usernameKey: 'username' },
        tls: { secret: 'redis-tls', clientCertificate: true, serverName: 'redis' },
        hmac: { secret: 'redis' },
        prefix: 'shop:',
      });
      expect(rule).toMatchObject({
        store: {
          redis: {
            sentinel: { master: 'bans' },
            usernameFile: `${files}/username`,
            passwordFile: `${files}/password`,
            hmacKeyFile: `${files}/hmac-key`,
            prefix: 'shop:',
            tls: {
              ca: `${files}/ca.crt`,
              cert: `${files}/tls.crt`,
              key: `${files}/tls.key`,
              serverName: 'redis',
            },
          },
        },
      });
      const item = (key: string, path = key) => ({ key, path });
      expect(sourcesIn(pod)).toEqual([
        {
          secret: {
            name: 'redis',
            optional: true,
            items: [item('redis-password', 'password'), item('username'), item('hmac-key')],
          },
        },
        {
          secret: {
            name: 'redis-tls',
            optional: true,
            items: [item('ca.crt'), item('tls.crt'), item('tls.key')],
          },
        },
      ]);
      const mounts = valueAt(pod, '/spec/initContainers/name=auth-helper/volumeMounts');
      const mount = { name: 'svidecar-ban-secrets', mountPath: files, readOnly: true };
      expect(mounts).toContainEqual(mount);
      expect(valueAt(pod, '/spec/volumes/name=svidecar-bans')).toBeUndefined();
    });

    test("TLS without a Secret trusts the runtime's authorities; a user may be named", () => {
      const [rule, pod] = injectedWith({
        url: 'rediss://redis.edge',
        username: 'svidecar',
        auth: { secret: 'redis' },
        tls: { serverName: 'redis' },
      });
      expect(rule).toMatchObject({
        store: { redis: { tls: { serverName: 'redis' }, username: 'svidecar' } },
      });
      expect(sourcesIn(pod)).toMatchObject([{ secret: { items: [{ path: 'password' }] } }]);
    });
  });

  test('a store that is not configured is refused, with those that are', () => {
    const annotations = templates('jwt-ban', { 'svidecar.dev/ban-store': 'constructor' });
    const decision = decideOn(podFor(annotations), { engine: engineFor({ bans }) });
    expect(decision).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('it has central, other') as string,
    });
  });

  test.each([
    [{ store: 'nowhere' }, /store names none of the stores/],
    [{ claims: [] }, /bans.claims/],
    [{ claims: ['/~2'] }, /JSON pointer/],
    [{ token: 'query' }, /header, or cookie:/],
    [{ stores: { default: { http: 'http://a.test', deadlineMs: 81 } } }, /stores/],
    [{ stores: { default: { http: 'file:///a' } } }, /stores/],
    [{ stores: { default: { configMap: 'Upper' } } }, /name of a ConfigMap/],
    [{ stores: { default: { configMap: 'a', key: '../x' } } }, /key of a ConfigMap/],
    [{ stores: { default: {} } }, /\{configMap: NAME}, \{http: URL} and \{redis/],
    [
      { stores: { default: { configMap: 'a', redis: { url: 'redis://a' } } } },
      /must be one of \{conf/,
    ],
    [
      { stores: { default: { redis: { url: 'unix:///run/redis.sock' } } } },
      /address of its Service at/,
    ],
    [{ stores: { default: { redis: {} } } }, /one of url, sentinel, cluster at .*redis$/],
    [{ stores: { default: { redis: { url: 'redis://jo:pass@a' } } } }, /redis.url/],
    [{ stores: { default: { redis: { url: 'redis://a', tls: {} } } } }, /rediss: at .*redis.tls$/],
    [{ stores: { default: { redis: { url: 'redis://a', deadlineMs: 81 } } } }, /<=80 at/],
    [{ stores: { default: { redis: { url: 'redis://a', username: 'jo' } } } }, /at .*redis.auth$/],
    [
      { stores: { default: { redis: { url: 'rediss://a', tls: { clientCertificate: true } } } } },
      /at .*redis.tls.secret$/,
    ],
    [
      { stores: { default: { redis: { url: 'redis://a', auth: { secret: 'Up' } } } } },
      /name of a Secret at .*auth.secret$/,
    ],
    [
      { stores: { default: { redis: { url: 'redis://a', passwordFile: '/x' } } } },
      /passwordFile" at/,
    ],
  ])('a configuration with %j is refused', (wrong, expected) => {
    expect(() => engineFor({ bans: wrong })).toThrow(expected);
  });
});
