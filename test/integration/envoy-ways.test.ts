/**
 * Workloads as they are found, injected with jwt-validate, side by side in one real Envoy with a real helper for each data
 * path: no way through a listener leads to the app without a token, and with one every way does.
 */
import { readFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { readSettings } from '../../sidecar/config/settings.ts';
import { createAuthority, type EmbeddedAuthority } from '../../sidecar/stand-ins/jwt-authority.ts';
import {
  startEmbeddedWorkloadApi,
  type EmbeddedWorkloadApi,
} from '../../sidecar/stand-ins/workload-api.ts';
import { injectTexts } from '../../webhook/manifests/inject-texts.ts';
import { engineFor } from '../fakes/engine.ts';
import { dataPaths, type DataPathName } from './data-paths/pods.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';

const self = 'spiffe://example.org/ns/shop/sa/default';
const callerOf = '%DYNAMIC_METADATA(envoy.filters.http.ext_authz:spiffe_id)%';

/** A fixture, and what is changed in it. */
interface Workload {
  readonly fixture: string;
  readonly change?: (text: string) => string;
}

const workloads = {
  websocket: { fixture: 'websocket-with-filters-of-its-own' },
  policy: { fixture: 'policy-filter-off-on-a-route' },
  genericPolicy: {
    fixture: 'policy-filter-off-on-a-route',
    change: (text) =>
      text.replace(/\S+ExtAuthzPerRoute/, 'type.googleapis.com/envoy.config.route.v3.FilterConfig'),
  },
  typedStruct: { fixture: 'manager-in-a-typed-struct' },
  usualName: { fixture: 'documented-settings-of-a-route' },
  ownName: {
    fixture: 'documented-settings-of-a-route',
    change: (text) =>
      text.replace(/envoy\.filters\.http\.ext_authz:(?=\s)/, 'svidecar.jwt-validate:'),
  },
} as const satisfies Record<string, Workload>;
type Name = keyof typeof workloads;
/** Settings of routes have no place in the native data path. */
const withoutNative: ReadonlySet<string> = new Set(['usualName', 'ownName']);

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** Answers requests with 200, and upgrades with 101. */
async function startApp(): Promise<Server> {
  const app = createServer((_request, response) => response.end('app'));
  app.on('upgrade', (_request, socket) => {
    socket.end(
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    );
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  return app;
}

function send(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, headers });
    const done = (answer: IncomingMessage) => {
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers });
    };
    request.on('response', (response) => {
      response.resume();
      done(response);
    });
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      done(response);
    });
    request.on('error', reject);
    request.end();
  });
}

/** What the webhook makes of a workload in a data path. */
function injected({ fixture, change }: Workload, dataPath: DataPathName) {
  const path = join(import.meta.dirname, `../fixtures/field/${fixture}/in.yaml`);
  const plain = readFileSync(path, 'utf8');
  const text = (change?.(plain) ?? plain).replace(
    /inject\.svidecar\.dev\/templates: jwt-validate/,
    `$&${plain.includes('annotations: {') ? ',' : '\n       '} svidecar.dev/data-path: ${dataPath}`,
  );
  const options = { engine: engineFor(), namespace: 'shop' };
  const { configMaps, problems } = injectTexts([{ name: fixture, text }], options);
  const values = Object.assign({}, ...configMaps.map(({ data }) => data)) as Record<string, string>;
  const { 'envoy.yaml': envoy, 'helper.yaml': helper } = values;
  if (envoy === undefined || helper === undefined) throw new Error(JSON.stringify(problems));
  const parsed: unknown = parse(envoy);
  const resources = objectAt(isObject(parsed) ? parsed : {}, 'static_resources');
  return { resources, rules: readSettings(helper, fixture).rules };
}

/** A copy in which ports are others, and a route configuration shows the caller in a response header. */
function placed(value: Json, ports: Readonly<Record<number, number>>): Json {
  if (Array.isArray(value)) return value.map((item: Json) => placed(item, ports));
  if (!isObject(value)) return value;
  const members = Object.entries(value).map(([key, item = null]): [string, Json] => {
    if (key === 'port_value') return [key, ports[Number(item)] ?? item];
    const copy = placed(item, ports);
    if (key !== 'route_config' || !isObject(copy)) return [key, copy];
    const header = { header: { key: 'x-caller-seen', value: callerOf } };
    return [key, { ...copy, response_headers_to_add: [header] }];
  });
  return Object.fromEntries(members);
}

describeWithComponents(['envoy'], 'jwt-validate in configurations as they are found', () => {
  let work: WorkFolder;
  let authority: EmbeddedAuthority;
  let api: EmbeddedWorkloadApi;
  let app: Server;
  let helpers: readonly HelperProcess[];
  let envoy: RunningEnvoy;
  let token: string;
  const ports = new Map<string, number>();

  const each = dataPaths.flatMap((dataPath) =>
    Object.keys(workloads)
      .filter((name) => dataPath === 'ext-authz' || !withoutNative.has(name))
      .map((name) => ({ name: name as Name, dataPath })),
  );

  beforeAll(async () => {
    work = await createWorkFolder('envoy-ways');
    authority = await createAuthority({ trustDomain: 'example.org' });
    const identities = [{ spiffeId: self }];
    const socketPath = join(work.path, 'agent.sock');
    [api, app] = await Promise.all([
      startEmbeddedWorkloadApi({ authority, socketPath, identities }),
      startApp(),
    ]);
    token = await authority.mint({
      spiffeId: 'spiffe://example.org/caller',
      audiences: [self],
      ttlS: 300,
    });
    const parts = each.map(({ name, dataPath }) => ({
      name,
      dataPath,
      ...injected(workloads[name], dataPath),
    }));
    helpers = await Promise.all(
      dataPaths.map((dataPath) => {
        const rules = parts.find((part) => part.dataPath === dataPath)?.rules ?? [];
        const told = { name: dataPath, runtime: 'node', folder: work.path, dataPath } as const;
        return startHelper({ ...told, rules, workloadApi: api.address });
      }),
    );
    const listeners: Json[] = [];
    const clusters = new Map<string, Json>();
    for (const { name, dataPath, resources } of parts) {
      const port = await freePort();
      ports.set(`${name} ${dataPath}`, port);
      const helper = helpers[dataPaths.indexOf(dataPath)]?.port ?? 0;
      // Listening on loopback on a free port: a number.
      const appPort = (app.address() as AddressInfo).port;
      const moved = placed(resources, { 28480: port, 28481: appPort, 9010: helper });
      const merged: JsonObject = isObject(moved) ? moved : {};
      listeners.push(
        ...listAt(merged, 'listeners')
          .filter(isObject)
          .map((one) => ({ ...one, name: `${name}-${dataPath}` })),
      );
      for (const one of listAt(merged, 'clusters').filter(isObject))
        clusters.set(stringAt(one, 'name') ?? '', one);
    }
    const config = { static_resources: { listeners, clusters: [...clusters.values()] } };
    envoy = await startEnvoy(JSON.stringify(config), { args: ['--concurrency', '1'] });
    await waitUntil('the helpers are ready', async () =>
      (await Promise.all(helpers.map((helper) => helper.page('/readyz')))).every(
        ({ status }) => status === 200,
      ),
    );
    const native = ports.get('typedStruct native') ?? 0;
    await waitUntil(
      'Envoy has the keys',
      async () => (await send(native, '/', withToken())).status === 200,
    );
  }, 60_000);
  afterAll(async () => {
    app.close();
    await Promise.all([envoy.stop(), ...helpers.map((helper) => helper.stop()), api.close()]);
    await work.remove();
  });

  const upgrade = { connection: 'upgrade', upgrade: 'websocket' };
  const withToken = () => ({ authorization: `Bearer ${token}` });
  const refused = { 'ext-authz': 403, native: 401 } as const;

  /** Of a request to `/` or to that path. */
  function ask(
    [name, dataPath, path = '/']: readonly [Name, DataPathName, string?],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return send(ports.get(`${name} ${dataPath}`) ?? 0, path, headers);
  }

  describe.each(dataPaths)('in the data path %s', (dataPath) => {
    const status = refused[dataPath];

    test('a websocket with filters of its own is opened with a token, and not without', async () => {
      expect((await ask(['websocket', dataPath], upgrade)).status).toBe(status);
      expect((await ask(['websocket', dataPath])).status).toBe(status);
      const headers = { ...upgrade, ...withToken() };
      expect((await ask(['websocket', dataPath], headers)).status).toBe(101);
      expect((await ask(['websocket', dataPath], withToken())).status).toBe(200);
    });

    test.each(['policy', 'genericPolicy'] as const)(
      'a policy filter that is off on a route (%s) does not take ours with it',
      async (name) => {
        expect((await ask([name, dataPath, '/public'])).status).toBe(status);
        expect((await ask([name, dataPath, '/public'], withToken())).status).toBe(200);
        // Elsewhere the policy filter is asked, and its service is not there.
        expect((await ask([name, dataPath], withToken())).status).toBe(403);
      },
    );

    test('a connection manager in a TypedStruct', async () => {
      expect((await ask(['typedStruct', dataPath])).status).toBe(status);
      expect((await ask(['typedStruct', dataPath], withToken())).status).toBe(200);
    });
  });

  test.each(['usualName', 'ownName'] as const)(
    'the documented settings of a route reach our filter (%s)',
    async (name) => {
      expect((await ask([name, 'ext-authz', '/public'])).status).toBe(200);
      expect((await ask([name, 'ext-authz', '/'])).status).toBe(403);
      expect((await ask([name, 'ext-authz'], withToken())).status).toBe(200);
    },
  );

  test('the verified caller is in the metadata of the usual name, whatever the filter is called', async () => {
    const seen = await Promise.all(
      (['usualName', 'ownName'] as const).map((name) => ask([name, 'ext-authz'], withToken())),
    );
    expect(seen.map(({ headers }) => headers['x-caller-seen'])).toEqual([
      'spiffe://example.org/caller',
      'spiffe://example.org/caller',
    ]);
  });
});
