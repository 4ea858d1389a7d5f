/** Pods whose Envoy istiod configures: who they are, what is done to them, and what is refused. */
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { envoyCheck } from '../../../../webhook/admission/check-envoy.ts';
import type { DecisionContext } from '../../../../webhook/admission/decide.ts';
import { wantedBy, type ConfigMapUser } from '../../../../webhook/desired/desired.ts';
import { desiredConfigMaps } from '../../../../webhook/desired/marks.ts';
import { statusOf, statusText } from '../../../../webhook/injection/status.ts';
import { injectTexts } from '../../../../webhook/manifests/inject-texts.ts';
import { uninjectTexts } from '../../../../webhook/manifests/uninject-texts.ts';
import { decideOn, injected, namesAt, operationsOf, valueAt } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { withIstioProxy } from '../../../fakes/istio-injector.ts';

const excludes = 'traffic.sidecar.istio.io/excludeInboundPorts';
const excludesAt = `/metadata/annotations/${excludes.replaceAll('/', '~1')}`;

interface Marks {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: JsonObject;
}

function pod({ annotations = {}, labels = {}, spec = {} }: Marks = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'shop',
      namespace: 'shop',
      labels,
      annotations: { 'inject.svidecar.dev/templates': 'jwt-validate', ...annotations },
    },
    spec: {
      containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8080 }] }],
      ...spec,
    },
  };
}

const waits = { 'svidecar.dev/envoy-container': 'istio-proxy' };
const outbound = {
  'inject.svidecar.dev/templates': 'jwt-inject',
  'svidecar.dev/audience-by-host': 'a.shop=a',
};
const proxy = { name: 'istio-proxy', image: 'istio/proxyv2' };

function roleIn(object: JsonObject): string | undefined {
  const decision = decideOn(object);
  return 'status' in decision ? decision.status.envoy?.istio?.role : undefined;
}

function toldOf(object: JsonObject, changes: Partial<DecisionContext> = {}): readonly string[] {
  const decision = decideOn(object, changes);
  return decision.steps
    .filter(({ id, level }) => level === 'warning' && id !== 'refused')
    .map(({ message }) => message);
}

function refusalOf(object: JsonObject, changes: Partial<DecisionContext> = {}): string {
  const decision = decideOn(object, changes);
  return decision.kind === 'refused' ? `${decision.code} ${decision.why}` : decision.kind;
}

describe('whose Envoy it is', () => {
  test.each<[string, Marks, string | undefined]>([
    ['the annotation says so', { annotations: waits }, 'sidecar'],
    ['a label asks for Istio', { labels: { 'sidecar.istio.io/inject': 'true' } }, 'sidecar'],
    ['an annotation does', { annotations: { 'sidecar.istio.io/inject': 'true' } }, 'sidecar'],
    ['a revision does', { labels: { 'istio.io/rev': 'canary' } }, 'sidecar'],
    [
      'templates of Istio do',
      { annotations: { 'inject.istio.io/templates': 'sidecar,spire' } },
      'sidecar',
    ],
    [
      'the template of gateways does',
      { annotations: { 'inject.istio.io/templates': 'spire, gateway' } },
      'gateway',
    ],
    [
      'its container is there',
      { spec: { containers: [{ name: 'app', image: 'a' }, proxy] } },
      'sidecar',
    ],
    [
      'its native sidecar is there',
      { spec: { initContainers: [{ ...proxy, restartPolicy: 'Always' }] } },
      'sidecar',
    ],
    [
      'its router is there',
      { spec: { containers: [{ ...proxy, args: ['proxy', 'router'] }] } },
      'gateway',
    ],
    ['nothing says so', {}, undefined],
    [
      'an Envoy of the user’s is there too',
      {
        labels: { 'sidecar.istio.io/inject': 'true' },
        spec: {
          containers: [
            {
              name: 'envoy',
              image: 'envoyproxy/envoy:v1.40.0',
              args: ['-c', '/etc/envoy/envoy.yaml'],
              volumeMounts: [{ name: 'envoy', mountPath: '/etc/envoy' }],
            },
          ],
          volumes: [{ name: 'envoy', configMap: { name: 'envoy' } }],
        },
      },
      undefined,
    ],
  ])('%s', (_title, marks, role) => {
    expect(roleIn(pod(marks))).toBe(role);
  });
});

describe('the pod', () => {
  test('waits for Istio, has the label, and keeps the helper’s port out of Envoy', () => {
    const object = injected(pod({ annotations: waits }));
    const status = statusOf(object);
    expect(status?.awaits).toEqual(['istio-proxy']);
    const label = valueAt(object, '/metadata/labels/svidecar.dev~1envoy-filter');
    expect(label).toBe(status?.envoy?.derived);
    expect(valueAt(object, excludesAt)).toBe('9011');
    const mounts = '/spec/initContainers/name=auth-helper/volumeMounts';
    expect(valueAt(object, `${mounts}/mountPath=~1etc~1svidecar-envoy-filter/name`)).toBe(
      'svidecar-envoy-filter',
    );
  });

  test('gets the user’s list of ports back', () => {
    const before = pod({ annotations: { ...waits, [excludes]: '3306' } });
    const object = injected(before);
    expect(valueAt(object, excludesAt)).toBe('3306,9011');
    const annotations = { ...objectAt(objectAt(object, 'metadata'), 'annotations') };
    annotations['svidecar.dev/inject'] = 'false';
    const metadata = { ...objectAt(object, 'metadata'), annotations };
    expect(valueAt(injected({ ...object, metadata }), excludesAt)).toBe('3306');
  });

  test('of a gateway needs no list: nothing leads its connections into Envoy', () => {
    const annotations = { 'inject.istio.io/templates': 'gateway' };
    expect(valueAt(injected(pod({ annotations })), excludesAt)).toBeUndefined();
  });

  describe.each(['initContainers', 'containers'] as const)('with Istio’s proxy in %s', (list) => {
    const helperAt = '/spec/initContainers/name=auth-helper';

    test('that came after ours: the kubelet asks the helper itself again', () => {
      const made = injected(pod({ annotations: waits }));
      const owner = [{ apiVersion: 'v1', kind: 'ReplicaSet', name: 'x', controller: true }];
      const metadata = { ...objectAt(made, 'metadata'), ownerReferences: owner };
      const arriving = withIstioProxy({ ...made, metadata }, list);
      expect(valueAt(arriving, `${helperAt}/startupProbe/httpGet/port`)).toBe(15_020);
      const object = injected(arriving);
      expect(valueAt(object, `${helperAt}/startupProbe/httpGet`)).toEqual({
        path: '/startup',
        port: 'svidecar-health',
      });
      expect(statusOf(object)?.awaits).toBeUndefined();
      expect(statusOf(object)?.envoy).toEqual(statusOf(made)?.envoy);
      expect(operationsOf(decideOn(object))).toEqual([]);
    });

    test('that came first: its list of ports gets the helper’s, and goes back', () => {
      const arriving = withIstioProxy(pod(), list);
      const object = injected(arriving);
      const args = '/spec/initContainers/name=istio-init/args';
      expect(valueAt(object, `${args}/4`)).toBe('15090,15021,15020,9011');
      expect(operationsOf(decideOn(object))).toEqual([]);
      const annotations = {
        ...objectAt(objectAt(object, 'metadata'), 'annotations'),
        'svidecar.dev/inject': 'false',
      };
      const metadata = { ...objectAt(object, 'metadata'), annotations };
      const back = injected({ ...object, metadata });
      expect(valueAt(back, '/spec')).toEqual(valueAt(arriving, '/spec'));
    });
  });

  test('whose helper another Envoy asks keeps the helper’s port out of Istio’s as well', () => {
    const envoy = {
      name: 'envoy',
      image: 'envoyproxy/envoy:v1.40.0',
      args: ['-c', '/etc/envoy/envoy.yaml'],
      volumeMounts: [{ name: 'envoy', mountPath: '/etc/envoy' }],
    };
    const volumes = [{ name: 'envoy', configMap: { name: 'envoy' } }];
    const spec = { containers: [{ name: 'app', image: 'app' }, envoy], volumes };
    const object = injected(withIstioProxy(pod({ spec }), 'containers'));
    expect(statusOf(object)?.envoy?.istio).toBeUndefined();
    expect(valueAt(object, excludesAt)).toBe('9011');
    expect(valueAt(object, '/spec/initContainers/name=istio-init/args/4')).toMatch(/,9011$/);
  });

  test('has a helper that does not wait for an Envoy that ends after it', () => {
    const object = injected(pod({ annotations: waits }));
    const env = '/spec/initContainers/name=auth-helper/env';
    expect(valueAt(object, `${env}/name=LINGER_SECONDS/value`)).toBe('0');
    const annotations = { ...waits, 'svidecar.dev/native-sidecar': 'false' };
    const classic = injected(pod({ annotations }));
    const names = namesAt(classic, '/spec/containers/name=auth-helper/env');
    expect(names).not.toContain('LINGER_SECONDS');
  });
});

describe('a refusal', () => {
  test.each<[string, Marks, RegExp]>([
    ['ambient', { labels: { 'istio.io/dataplane-mode': 'ambient' } }, /^ISTIO_UNFIT .*ambient/],
    [
      'a pod that Istio leaves alone',
      { annotations: waits, labels: { 'sidecar.istio.io/inject': 'false' } },
      /^ISTIO_UNFIT .*keeps Istio from injecting "istio-proxy"/,
    ],
    [
      'a waypoint',
      { spec: { containers: [{ ...proxy, args: ['proxy', 'waypoint'] }] } },
      /^ISTIO_UNFIT .*waypoint/,
    ],
    [
      'no port that reaches Envoy',
      { annotations: { ...waits, 'traffic.sidecar.istio.io/includeInboundPorts': '' } },
      /^ISTIO_UNFIT .*is empty/,
    ],
    [
      'a list that is none',
      { annotations: { ...waits, 'traffic.sidecar.istio.io/includeInboundPorts': '*,80' } },
      /^ISTIO_UNFIT .*neither/,
    ],
    [
      'the helper’s port among those that reach Envoy',
      { annotations: { ...waits, 'traffic.sidecar.istio.io/includeInboundPorts': '8080,9011' } },
      /^ISTIO_UNFIT .*port 9011/,
    ],
    [
      'a listener that istiod does not name so',
      { annotations: { ...waits, 'svidecar.dev/validate-listeners': 'ingress' } },
      /^ANNOTATION_INVALID .*"ingress"/,
    ],
    [
      'a port that is none',
      { annotations: { ...waits, 'svidecar.dev/validate-listeners': '70000' } },
      /^ANNOTATION_INVALID .*"70000"/,
    ],
    [
      'a gateway for both directions',
      {
        annotations: {
          ...outbound,
          'inject.svidecar.dev/templates': 'jwt-inject,jwt-validate',
          'inject.istio.io/templates': 'gateway',
        },
      },
      /^LISTENERS_AMBIGUOUS /,
    ],
    [
      'ports of an Envoy of ours',
      { annotations: { ...waits, 'svidecar.dev/inbound': '8443=8080' } },
      /^ANNOTATION_INVALID .*template envoy/,
    ],
  ])('%s', (_title, marks, refusal) => {
    expect(refusalOf(pod(marks))).toMatch(refusal);
  });

  test('where the cluster knows no EnvoyFilters', () => {
    const engine = { ...engineFor(), hasEnvoyFilters: false };
    expect(refusalOf(pod({ annotations: waits }), { engine })).toMatch(
      /^ISTIO_UNFIT .*envoyfilters\.networking\.istio\.io/,
    );
    expect(refusalOf(pod(), { engine })).toMatch(/^ENVOY_CONTAINER_NOT_FOUND /);
  });
});

describe('what goes past Envoy is told', () => {
  const excluded = 'traffic.sidecar.istio.io/excludeInboundPorts';
  test.each<[string, Marks, readonly RegExp[]]>([
    ['nothing does', { annotations: waits }, []],
    [
      'excluded ports',
      { annotations: { ...waits, [excluded]: '9011, 3306,9901' } },
      [/excludeInboundPorts: requests to ports 3306(, | and )9901 go past/],
    ],
    [
      'all but some ports',
      { annotations: { ...waits, 'traffic.sidecar.istio.io/includeInboundPorts': '8080' } },
      [/only port 8080 leads through/],
    ],
    [
      'no interception',
      { annotations: { ...waits, 'sidecar.istio.io/interceptionMode': 'NONE' } },
      [/interceptionMode: interception mode NONE leaves connections/],
    ],
    [
      'a port that nobody declares',
      { annotations: { ...waits, 'svidecar.dev/validate-listeners': '80,8080' } },
      [/names port 80, which no container declares/],
    ],
    [
      'requests that leave elsewhere',
      {
        annotations: {
          ...waits,
          ...outbound,
          'traffic.sidecar.istio.io/excludeOutboundPorts': '443',
          'traffic.sidecar.istio.io/includeOutboundIPRanges': '10.0.0.0/8',
        },
      },
      [/excludeOutboundPorts leads requests past/, /includeOutboundIPRanges leads/],
    ],
    [
      'excluded ports do not matter to what goes out',
      { annotations: { ...waits, ...outbound, [excluded]: '3306' } },
      [],
    ],
    [
      'one audience for all',
      {
        annotations: {
          ...waits,
          'inject.svidecar.dev/templates': 'jwt-inject',
          'svidecar.dev/audience': 'a',
        },
      },
      [/a token of the same audience/],
    ],
  ])('%s', (_title, marks, sentences) => {
    const told = toldOf(pod(marks));
    expect(told).toHaveLength(sentences.length);
    for (const [index, sentence] of sentences.entries()) expect(told[index]).toMatch(sentence);
  });

  test('probes only where Istio’s container does not ask for them', () => {
    const engine = engineFor();
    const checkEnvoy = envoyCheck(() => undefined, engine.memory.copies);
    const spec = {
      containers: [
        { name: 'app', image: 'app', livenessProbe: { httpGet: { path: '/live', port: 8080 } } },
      ],
    };
    expect(toldOf(pod({ annotations: waits, spec }), { checkEnvoy, engine })).toEqual([]);
    for (const said of ['false', 'F']) {
      const annotations = { ...waits, 'sidecar.istio.io/rewriteAppHTTPProbers': said };
      expect(toldOf(pod({ annotations, spec }), { checkEnvoy, engine })).toEqual([
        expect.stringMatching(/livenessProbe asks for \/live/),
      ]);
    }
  });
});

const options = { engine: engineFor(), namespace: 'shop' };

describe('the objects beside it', () => {
  const { memory } = engineFor();

  function userOf(name: string): ConfigMapUser {
    const status = statusOf(injected(pod({ annotations: waits })));
    if (status === undefined) throw new Error('it was not injected');
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name, uid: `uid-${name}` };
    return { namespace: 'shop', kind: 'Deployment', name, owner, status: statusText(status) };
  }

  test('are one EnvoyFilter and one ConfigMap for all with one plan, owned by all of them', () => {
    const users = [userOf('a'), userOf('b')];
    const marks = { labels: { team: 'shop' }, annotations: {} };
    const from = { memory, marks, sources: new Map() };
    const { configMaps, envoyFilters, problems } = desiredConfigMaps('shop', users, from);
    expect(problems).toEqual([]);
    expect(envoyFilters).toHaveLength(1);
    const [filter] = envoyFilters;
    expect(filter?.owners.map(({ uid }) => uid)).toEqual(['uid-a', 'uid-b']);
    expect(filter?.labels).toEqual({ team: 'shop', 'app.kubernetes.io/managed-by': 'svidecar' });
    const beside = configMaps.find(({ name }) => name === filter?.name);
    expect(parse(beside?.data['envoy-filter.yaml'] ?? '')).toEqual({
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'EnvoyFilter',
      metadata: { name: filter?.name },
      spec: filter?.spec,
    });
  });

  test('are nobody’s where a status names others than its contents', () => {
    const user = userOf('a');
    const status = user.status.replaceAll(/istio-svidecar-[0-9a-f]{32}/g, 'istio-svidecar-0');
    expect(wantedBy([{ ...user, status }]).envoys).toEqual([]);
  });

  test('are printed before the ConfigMaps offline, and taken out again', () => {
    const source = { name: 'pod.yaml', text: JSON.stringify(pod({ annotations: waits }), null, 2) };
    const once = injectTexts([source], options);
    const kinds = [...once.text.matchAll(/^kind: (\w+)$/gm)].map(([, kind]) => kind);
    expect(kinds).toEqual(['EnvoyFilter', 'ConfigMap', 'ConfigMap']);
    const printed = { name: 'pod.yaml', text: once.text };
    expect(injectTexts([printed], options).text).toBe(once.text);
    expect(uninjectTexts([printed], 'shop').text).toBe(source.text);
  });
});
