import { expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { InboundView } from '../../../../webhook/envoy/patch-contract.ts';
import { checkVisits } from '../../../../webhook/injection/probes.ts';
import type { ProxyPlan } from '../../../../webhook/proxy/proxy-plan.ts';
import { smallPlan } from '../../../fakes/proxy-plans.ts';
import { proxySchema } from '../../../../webhook/request/proxy-schema.ts';
import { Trace } from '../../../../webhook/injection/trace.ts';

const guard = {
  rule: 'jwt-validate',
  listener: '"in"',
  place: 'envoy.yaml:3',
  ports: [8443],
  getsAllPorts: false,
};
const inbound: InboundView = {
  guards: [guard],
  ports: [8443, 9901],
  appPorts: [{ port: 8080, guard }],
};
const settings =
  'version: 1\nrules:\n  - name: jwt-validate\n    mode: validate\n    audiences: [a]\n    skipPaths: [/healthz, /open/*]\n';
const helper = { configMap: 'h', settings };

interface StepsOptions {
  readonly view?: InboundView;
  readonly annotations?: JsonObject;
  readonly proxy?: ProxyPlan;
}

function stepsOf(
  container: JsonObject,
  { view = inbound, annotations = {}, proxy }: StepsOptions = {},
): readonly string[] {
  const trace = new Trace();
  const template = {
    metadata: { annotations },
    spec: { containers: [{ name: 'app', ...container }] },
  };
  const envoy = {
    source: 's',
    derived: 'd',
    file: 'f',
    directory: '/etc/envoy',
    templates: [],
    values: {},
    ...(proxy === undefined ? {} : { proxy: proxySchema.parse(proxy) }),
  };
  checkVisits(template, { helper, envoy }, { inbound: view, trace });
  return trace.steps.map(({ id }) => id);
}

test('where Envoy wants a certificate first, nobody is told of a token', () => {
  const proxy: ProxyPlan = {
    ...smallPlan,
    inbound: [{ protocol: 'http', listen: 8443, app: 8080 }],
  };
  expect(stepsOf(probe, { proxy })).toEqual([]);
});

const probe = { readinessProbe: { httpGet: { path: '/ready', port: 8443 } } };
const mounts = { volumeMounts: [{ name: 'c', mountPath: '/etc/envoy/' }] };
const asking = (target: JsonObject, kind = 'livenessProbe'): JsonObject => ({ [kind]: target });
const told = ['probe_without_token'];

test.each<[string, JsonObject, readonly string[]]>([
  ['a readiness probe', probe, told],
  ['a startup probe', asking({ httpGet: { path: '/ready', port: '8443' } }, 'startupProbe'), told],
  ['a probe without a path', asking({ httpGet: { port: 8443 } }), told],
  [
    'a probe of a named port',
    { ...asking({ httpGet: { port: 'web' } }), ports: [{ name: 'web', containerPort: 8443 }] },
    told,
  ],
  ['a probe by gRPC', asking({ grpc: { port: 8443 } }), told],
  ['a hook', { lifecycle: { preStop: { httpGet: { path: '/bye', port: 8443 } } } }, told],
  ['a path that passes', asking({ httpGet: { path: '/healthz?deep=1', port: 8443 } }), []],
  ['a path under one that passes', asking({ httpGet: { path: '/open/x', port: 8443 } }), []],
  [
    'a path that is in no normal form',
    asking({ httpGet: { path: '/open/../x', port: 8443 } }),
    told,
  ],
  ['a TCP probe, which sends no request', asking({ tcpSocket: { port: 8443 } }), []],
  ['the admin page', asking({ httpGet: { path: '/ready', port: 9901 } }), []],
  ['another port', asking({ httpGet: { path: '/ready', port: 7 } }), []],
  ["another port, of Envoy's container", { ...mounts, ...asking({ httpGet: { port: 7 } }) }, told],
  [
    "the admin page, of Envoy's container",
    { ...mounts, ...asking({ httpGet: { port: 9901 } }) },
    [],
  ],
  ['the port of the app, declared', { ports: [{ containerPort: 8080 }] }, ['app_port_open']],
  ['the port of the app, probed', asking({ tcpSocket: { port: 8080 } }), ['app_port_open']],
  [
    'the port of the app, probed on loopback',
    asking({ tcpSocket: { port: 8080, host: '127.0.0.1' } }),
    [],
  ],
])('%s', (_name, container, expected) => {
  expect(stepsOf(container)).toEqual(expected);
});

test.each<[string, JsonObject, readonly string[]]>([
  ['a port', { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8443' }, told],
  ['each declared port', { 'prometheus.io/scrape': 'true' }, told],
  ['a path that passes', { 'prometheus.io/scrape': 'true', 'prometheus.io/path': '/open/m' }, []],
  ['no scrape', { 'prometheus.io/scrape': 'false', 'prometheus.io/port': '8443' }, []],
])('Prometheus by annotations: %s', (_name, annotations, expected) => {
  expect(stepsOf({ ports: [{ containerPort: 8443 }] }, { annotations })).toEqual(expected);
});

test('any port, where connections are redirected to the listener', () => {
  const view = { ...inbound, guards: [{ ...guard, getsAllPorts: true }] };
  expect(stepsOf(asking({ httpGet: { port: 7 } }), { view })).toEqual(told);
  expect(stepsOf(probe, { view: { guards: [], ports: [], appPorts: [] } })).toEqual([]);
});
