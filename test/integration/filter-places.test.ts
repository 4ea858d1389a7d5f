/** On real Envoy: what its HTTP filters are, and what comes past ours where another one stands in front. */
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, readdir } from 'node:fs/promises';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt } from '#kernel/json.ts';
import { readSettings } from '../../sidecar/config/settings.ts';
import { injectTexts } from '../../webhook/manifests/inject-texts.ts';
import { harmless, notHarmless } from '../../webhook/envoy/check-connection.ts';
import { filterEffects, holderRouteTypes } from '../../webhook/envoy/http-filters.ts';
import { engineFor } from '../fakes/engine.ts';
import { describeWithComponents, olderEnvoy } from './harness/components.ts';
import { startEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { startHelper } from './mesh/helper-process.ts';
import { withPorts } from './mesh/moved-ports.ts';

interface Asked {
  readonly status: number;
  /** Names of the answer's headers. */
  readonly headers: readonly string[];
  readonly body: string;
}

function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers, agent: false };
    const request = httpRequest(options, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: Object.keys(response.headers), body });
      });
    });
    request.on('error', reject);
    request.end();
  });
}

/** Answers so that a cache keeps it, and remembers the paths that it was asked for. */
async function startApp(paths: string[]): Promise<Server> {
  const app = createServer((request, response) => {
    const { url = '' } = request;
    paths.push(url);
    if (url === '/redirect') {
      response.writeHead(302, { location: 'http://elsewhere.test/after' }).end();
      return;
    }
    const lasting = { 'cache-control': 'public, max-age=60', date: new Date().toUTCString() };
    response.writeHead(200, lasting).end('from the app');
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  return app;
}

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
/** What `native` writes for `authorization: deny`, in short: refuse who has the header, then write it. */
const denyThenWrite = `[
  {name: deny, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, rules: {action: DENY, policies: {p: {permissions: [{header: {name: authorization, present_match: true}}], principals: [{any: true}]}}}}},
  {name: write, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation, mutations: {request_mutations: [{append: {header: {key: authorization, value: ours}}}]}}},
  {name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]`;

function listener(name: string, port: number, routes: string): string {
  return `  - {name: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": ${managerType}, stat_prefix: ${name}, http_filters: ${denyThenWrite}, route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [${routes}]}]}}}]}]}\n`;
}
function cluster(name: string, port: number): string {
  return `  - {name: ${name}, type: STATIC, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}}\n`;
}

describeWithComponents(['envoy'], 'filters around ours', () => {
  const paths: string[] = [];
  let work: WorkFolder;
  let app: Server;
  let appPort: number;
  beforeAll(async () => {
    [work, app] = await Promise.all([createWorkFolder('filter-places'), startApp(paths)]);
    // Listening on loopback on a free port: a number.
    appPort = (app.address() as AddressInfo).port;
  });
  afterAll(async () => {
    app.close();
    await work.remove();
  });

  /** Types of the configurations of all extensions of some categories that this Envoy has. */
  async function typesOf(...categories: readonly string[]): Promise<readonly string[]> {
    const envoy = await startEnvoy('static_resources: {}\n');
    try {
      const info: unknown = JSON.parse(await envoy.admin('/server_info'));
      return listAt(objectAt(isObject(info) ? info : {}, 'node'), 'extensions')
        .filter(isObject)
        .filter(({ category }) => typeof category === 'string' && categories.includes(category))
        .flatMap((one) => listAt(one, 'type_urls'))
        .map(String);
    } finally {
      await envoy.stop();
    }
  }

  test('the table knows every HTTP filter that Envoy has', async () => {
    const types = await typesOf('envoy.filters.http', 'envoy.filters.http.upstream');
    expect(types.length).toBeGreaterThan(80);
    const ofRoutes = /PerRoute(?:Config)?$|Override$|\.CorsPolicy$/;
    const unknown = types.filter((type) => !filterEffects.has(type) && !ofRoutes.test(type));
    expect(unknown).toEqual([]);
    const absent = [...holderRouteTypes].filter((type) => !types.includes(type));
    if (olderEnvoy === undefined) expect(absent).toEqual([]);
  });

  test.each(['network', 'listener'] as const)(
    'the tables know every %s filter that Envoy has, and no other',
    async (kind) => {
      const known = [...harmless[kind], ...notHarmless[kind]].map(
        (type) => `envoy.extensions.filters.${kind}.${type}`,
      );
      const types = await typesOf(`envoy.filters.${kind}`);
      expect(types.filter((type) => !known.includes(type))).toEqual([]);
      if (olderEnvoy === undefined) expect(types.toSorted()).toEqual(known.toSorted());
    },
  );

  test.each([
    [false, 1],
    [true, 0],
  ])('what a tap in front writes: streaming %s', async (streaming, written) => {
    const port = await freePort();
    const traces = await mkdtemp(join(work.path, 'tap-'));
    const type = 'type.googleapis.com/envoy.extensions.filters.http';
    const envoy = await startEnvoy(`static_resources:
  listeners:
  - name: web
    address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
    filter_chains: [{filters: [{name: hcm, typed_config: {
      "@type": ${managerType},
      stat_prefix: a,
      route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]},
      http_filters: [
        {name: tap, typed_config: {"@type": ${type}.tap.v3.Tap, common_config: {static_config: {match_config: {any_match: true}, output_config: {streaming: ${streaming}, sinks: [{file_per_tap: {path_prefix: ${traces}/t}}]}}}}},
        {name: later, typed_config: {"@type": ${type}.header_mutation.v3.HeaderMutation, mutations: {request_mutations: [{append: {header: {key: authorization, value: Bearer made-later}}}]}}},
        {name: router, typed_config: {"@type": ${type}.router.v3.Router}}]}}]}]
`);
    try {
      await ask(port, '/');
    } finally {
      await envoy.stop();
    }
    const texts = await Promise.all(
      (await readdir(traces)).map((name) => readFile(join(traces, name), 'utf8')),
    );
    expect(texts).toHaveLength(1);
    expect(texts.filter((text) => text.includes('made-later'))).toHaveLength(written);
  });

  /** The workload of a fixture as injected; its helper has no identity, and needs none to refuse. */
  async function start(file: string) {
    const text = readFileSync(join(import.meta.dirname, '../fixtures/field', file), 'utf8');
    const { configMaps, outcomes } = injectTexts([{ name: file, text }], {
      engine: engineFor(),
      namespace: 'shop',
    });
    const texts = new Map(configMaps.flatMap(({ data }) => Object.entries(data)));
    const { rules, dataPath } = readSettings(texts.get('helper.yaml') ?? '', file);
    const helper = await startHelper({
      name: file.replaceAll(/[/.]/g, '-'),
      runtime: 'node',
      folder: work.path,
      workloadApi: `unix://${join(work.path, 'none.sock')}`,
      rules,
      dataPath,
    });
    const front = await freePort();
    const places = { 28480: front, 28481: appPort, 9010: helper.port };
    const config = withPorts(texts.get('envoy.yaml') ?? '', places);
    const envoy = await startEnvoy(config, { args: ['--concurrency', '1'] });
    return {
      told: JSON.stringify(outcomes),
      front,
      stop: () => Promise.all([envoy.stop(), helper.stop()]),
    };
  }

  test.each([
    ['in.yaml', 403],
    ['native.yaml', 401],
  ])('a cache neither answers nor asks the app without a token: %s', async (file, refused) => {
    const pod = await start(`cache-before-the-router/${file}`);
    try {
      paths.length = 0;
      expect(await ask(pod.front, '/secret')).toMatchObject({ status: refused });
      expect(await ask(pod.front, '/secret')).toMatchObject({ status: refused });
      expect(paths).toEqual([]);
      // What needs no token comes through the cache, once.
      expect(await ask(pod.front, '/open/page')).toMatchObject({ status: 200 });
      expect(await ask(pod.front, '/open/page')).toMatchObject({ status: 200 });
      expect(paths.every((path) => path === '/open/page')).toBe(true);
    } finally {
      await pod.stop();
    }
  });

  test('an ext_authz over HTTP sends nothing without a token to the server that it asks', async () => {
    const pod = await start('own-ext-authz-over-http/in.yaml');
    try {
      paths.length = 0;
      expect(await ask(pod.front, '/secret')).toMatchObject({ status: 403 });
      expect(paths).toEqual([]);
    } finally {
      await pod.stop();
    }
  });

  test.each([
    // `clear_route_cache` of this filter is newer.
    ...(olderEnvoy === undefined
      ? [['route-chosen-behind-the-check', '/secret', { 'x-tenant': 'a' }] as const]
      : []),
    ['lua-behind-the-check', '/api/v1/secret', {}] as const,
    ['lua-behind-a-filter-wired-by-hand', '/api/v1/secret', {}] as const,
  ])(
    'a request without a route is not asked about, which is told: %s',
    async (name, path, headers) => {
      const pod = await start(`${name}/in.yaml`);
      try {
        // The ways that the warning names close it: see the unit tests of `unrouted`, and `nothing-open`.
        expect(pod.told).toContain('asks nobody where none forwards it');
        expect(await ask(pod.front, path, { headers })).toMatchObject({ status: 200 });
      } finally {
        await pod.stop();
      }
    },
  );

  test('a preflight needs no token, and what follows it does', async () => {
    const pod = await start('cors-preflight/in.yaml');
    const preflight = (origin: string): Promise<Asked> =>
      ask(pod.front, '/', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
    try {
      paths.length = 0;
      const granted = await preflight('https://ui.test');
      expect(granted.status).toBe(200);
      expect(granted.headers).toContain('access-control-allow-origin');
      expect(await preflight('https://other.test')).toMatchObject({ status: 403 });
      const headers = { origin: 'https://ui.test' };
      expect(await ask(pod.front, '/', { method: 'POST', headers })).toMatchObject({ status: 403 });
      expect(paths).toEqual([]);
    } finally {
      await pod.stop();
    }
  });

  test('filters run again on a redirect within Envoy and behind a second listener, and refuse their own work', async () => {
    const front = await freePort();
    const inner = await freePort();
    const redirects = 'internal_redirect_policy: {max_internal_redirects: 1}';
    const envoy = await startEnvoy(
      `static_resources:\n  listeners:\n${listener(
        'front',
        front,
        `{match: {path: /inner}, route: {cluster: inner}}, {match: {prefix: /}, route: {cluster: app, ${redirects}}}`,
      )}${listener('inner', inner, '{match: {prefix: /}, route: {cluster: app}}')}  clusters:\n${cluster('app', appPort)}${cluster('inner', inner)}`,
    );
    try {
      paths.length = 0;
      expect(await ask(front, '/plain')).toMatchObject({ status: 200 });
      expect(await ask(front, '/redirect')).toMatchObject({ status: 403 });
      expect(await ask(front, '/inner')).toMatchObject({ status: 403 });
      expect(paths).toEqual(['/plain', '/redirect']);
    } finally {
      await envoy.stop();
    }
  });
});
