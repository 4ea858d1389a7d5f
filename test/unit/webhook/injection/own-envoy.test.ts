/** The template `envoy`: an Envoy for pods that have none, whose configuration has no source. */
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { stringAt, type JsonObject } from '#kernel/json.ts';
import { wantedBy, type ConfigMapUser } from '../../../../webhook/desired/desired.ts';
import { desiredConfigMaps } from '../../../../webhook/desired/marks.ts';
import { identityOfStored } from '../../../../webhook/desired/workload-identity.ts';
import { statusOf, statusText, parseStatus } from '../../../../webhook/injection/status.ts';
import { injectTexts } from '../../../../webhook/manifests/inject-texts.ts';
import { uninjectTexts } from '../../../../webhook/manifests/uninject-texts.ts';
import { decideOn, injected, namesAt, valueAt } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';

const backend = 'spiffe://example.org/ns/shop/sa/backend';
const inbound = { 'svidecar.dev/inbound': '8443=8080' };
const upstreams = { 'svidecar.dev/upstreams': `9001=backend.shop:8443 ${backend}` };
const unprivileged = 'net.ipv4.ip_unprivileged_port_start';
const both = { ...inbound, ...upstreams };

function pod(annotations: Readonly<Record<string, string>>, spec: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'shop',
      namespace: 'shop',
      annotations: { 'inject.svidecar.dev/templates': 'envoy', ...annotations },
    },
    spec: { containers: [{ name: 'app', image: 'app' }], ...spec },
  };
}

const withTokens = { 'inject.svidecar.dev/templates': 'envoy, jwt-inject, jwt-validate' };

function refusalOf(object: JsonObject): readonly [string, string] {
  const decision = decideOn(object);
  return decision.kind === 'refused' ? [decision.code, decision.why] : [decision.kind, ''];
}

function settingsOf(annotations: Readonly<Record<string, string>>): string {
  return statusOf(injected(pod({ ...withTokens, ...annotations })))?.helper?.settings ?? '';
}

function userOf(name: string, object: JsonObject): ConfigMapUser {
  const status = statusOf(object);
  if (status === undefined) throw new Error('it was not injected');
  const owner = { apiVersion: 'v1', kind: 'Pod', name, uid: `uid-${name}` };
  return { namespace: 'shop', kind: 'Pod', name, owner, status: statusText(status) };
}

describe('the pod', () => {
  test('has Envoy behind the helper, whichever template is named first', () => {
    const object = injected(pod({ ...both, ...withTokens }));
    expect(namesAt(object, '/spec/initContainers')).toEqual(['auth-helper', 'envoy']);
  });

  test.each([
    [{ lifecycle: { preStop: { exec: { command: ['bye'] } } } }, {}],
    [{}, { terminationGracePeriodSeconds: 5 }],
  ])('%#: an app with a hook of its own, or little grace, gets none', (container, spec) => {
    const containers = [{ name: 'app', image: 'app', ...container }];
    const object = injected(pod(inbound, { containers, ...spec }));
    expect(valueAt(object, '/spec/containers/name=app')).toEqual(containers[0]);
  });

  test('waits where it is called, and Kubernetes can wait', () => {
    const hook = { preStop: { sleep: { seconds: 6 } } };
    const path = '/spec/containers/name=app/lifecycle';
    expect(valueAt(injected(pod(inbound)), path)).toEqual(hook);
    expect(valueAt(injected(pod(upstreams)), path)).toBeUndefined();
    const engine = engineFor({}, 29);
    expect(valueAt(injected(pod(inbound), { engine }), path)).toBeUndefined();
  });
});

describe('refused', () => {
  test.each([
    [pod({}), 'ANNOTATION_INVALID', 'svidecar.dev/inbound or svidecar.dev/upstreams'],
    [
      pod({ ...inbound, 'inject.svidecar.dev/templates': 'jwt-validate' }),
      'ANNOTATION_INVALID',
      'is for the Envoy of the template envoy',
    ],
    [
      pod({ ...upstreams, 'inject.svidecar.dev/templates': 'envoy, jwt-validate' }),
      'ANNOTATION_INVALID',
      'template jwt-validate has nothing to go into: svidecar.dev/inbound names no port for HTTP',
    ],
    [
      pod({ 'svidecar.dev/inbound': '9012=8080' }),
      'ANNOTATION_INVALID',
      'port 9012, which is taken by the injected Envoy itself',
    ],
    [
      pod({ 'svidecar.dev/inbound': '8443=9013' }),
      'ANNOTATION_INVALID',
      'port 9013 is taken by the app',
    ],
    [
      pod(upstreams, {
        containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 9012 }] }],
      }),
      'ANNOTATION_INVALID',
      'port 9012 is taken by container "app", and the injected Envoy itself listens there',
    ],
    [
      pod({ ...both, ...withTokens, 'svidecar.dev/validate-listeners': 'upstream-9001' }),
      'ANNOTATION_INVALID',
      'listener "upstream-9001" of the injected Envoy is not for that; name some of inbound-8443,',
    ],
    [
      pod({ ...both, ...withTokens, 'svidecar.dev/inject-listeners': 'upstream-9001, drain' }),
      'ANNOTATION_INVALID',
      'svidecar.dev/inject-listeners: jwt-inject is for what goes out, and listener "drain"',
    ],
    [
      pod({
        ...upstreams,
        'inject.svidecar.dev/templates': 'envoy, jwt-validate',
        'svidecar.dev/validate-listeners': '*',
      }),
      'ANNOTATION_INVALID',
      'template jwt-validate has nothing to go into: svidecar.dev/inbound names no port for HTTP',
    ],
    [pod({ 'svidecar.dev/inbound': '9010=80' }), 'ANNOTATION_INVALID', 'taken by the auth helper'],
    [
      pod({ ...upstreams, 'svidecar.dev/inbound': '9001=8080' }),
      'ANNOTATION_INVALID',
      'svidecar.dev/upstreams: Envoy cannot listen on port 9001, which is taken by annotation svidecar.dev/inbound',
    ],
    [
      pod(inbound, {
        containers: [{ name: 'app', image: 'app', ports: [{ containerPort: 8443 }] }],
      }),
      'ANNOTATION_INVALID',
      'taken by container "app"',
    ],
    [
      pod(inbound, {
        containers: [
          { name: 'app', image: 'app' },
          { name: 'istio-proxy', image: 'auto' },
        ],
      }),
      'ENVOY_PRESENT',
      'template istio-spire',
    ],
    [
      pod({ ...withTokens, ...upstreams, 'svidecar.dev/inbound': '8443=9010' }),
      'ANNOTATION_INVALID',
      'the app cannot listen on port 9010, which is taken by the auth helper',
    ],
    [
      pod(
        { 'svidecar.dev/inbound': '443=8080' },
        { securityContext: { sysctls: [{ name: unprivileged, value: '500' }] } },
      ),
      'ANNOTATION_INVALID',
      `could not listen on port 443, because the pod sets the sysctl ${unprivileged} to 500; choose a port from 500 on`,
    ],
  ])('%#', (object, code, says) => {
    const [refusal, why] = refusalOf(object);
    expect(refusal).toBe(code);
    expect(why).toContain(says);
  });
});

test("a container's port that is called like one of Envoy's is refused, whichever it is", () => {
  const ports = valueAt(injected(pod(both)), '/spec/initContainers/name=envoy/ports');
  const names = (ports as JsonObject[]).map((port) => stringAt(port, 'name') ?? '');
  expect(names).toEqual(['envoy-health', 'inbound-8443']);
  for (const name of names)
    for (const list of ['containers', 'initContainers']) {
      const other = { name: 'other', image: 'a', ports: [{ name, containerPort: 7000 }] };
      const spec = { containers: [{ name: 'app', image: 'app' }], [list]: [other] };
      const [code, why] = refusalOf(pod(both, spec));
      expect(code).toBe('POD_UNFIT');
      expect(why).toContain(`container "other" calls a port of its own "${name}"`);
    }
});

describe('told of', () => {
  const told = (object: JsonObject, level = 'warning') =>
    decideOn(object).steps.filter((step) => step.level === level);
  const warningsOf = (object: JsonObject): readonly string[] => told(object).map(({ id }) => id);

  test.each([
    [{ 'svidecar.dev/inbound': '443=8080' }, {}, ['svidecar.dev/inbound']],
    [{ 'svidecar.dev/upstreams': `80=b:8443 ${backend}` }, {}, ['svidecar.dev/upstreams']],
    [{ 'svidecar.dev/inbound': '1024=8080' }, {}, []],
    [{ 'svidecar.dev/inbound': '443=80' }, { value: '443' }, []],
    [{ 'svidecar.dev/inbound': '443=80' }, { value: '0' }, []],
  ])('a port that only root may have on some nodes: %j %j', (annotations, sysctl, keys) => {
    const sysctls = 'value' in sysctl ? [{ name: unprivileged, ...sysctl }] : [];
    const object = pod(annotations, { securityContext: { sysctls } });
    const steps = told(object).filter(({ id }) => id === 'port_needs_root');
    expect(steps.map(({ key }) => key)).toEqual(keys);
    expect(decideOn(object).kind).toBe('injected');
  });

  test('too little grace for the drain, as long as the hook of the template lasts', () => {
    const hook = valueAt(injected(pod(inbound)), '/spec/initContainers/name=envoy/lifecycle');
    expect(JSON.stringify(hook)).toContain('sleep 6');
    const warnsOf = (seconds: number, annotations = inbound): boolean =>
      warningsOf(pod(annotations, { terminationGracePeriodSeconds: seconds })).includes(
        'drain_cut_short',
      );
    expect([0, 6, 7, 30].map((seconds) => warnsOf(seconds))).toEqual([true, true, false, false]);
    expect(warnsOf(1, upstreams as typeof both)).toBe(false);
    expect(warningsOf(pod(inbound))).not.toContain('drain_cut_short');
  });

  test.each([
    [{ env: [{ name: 'URL', value: 'http://127.0.0.1:9001/x' }] }, true],
    [{ args: ['--to=localhost:9001'] }, true],
    [{ args: ['--to=localhost:9001'], restartPolicy: 'Always' }, false],
    [{ args: ['--to=localhost:90010', '9001'] }, false],
  ])('an init container that calls through Envoy, which is not there yet: %j', (more, isTold) => {
    const initContainers = [{ name: 'migrate', image: 'a', ...more }];
    expect(warningsOf(pod(both, { initContainers })).includes('init_before_envoy')).toBe(isTold);
  });

  const abroad = { 'svidecar.dev/upstreams': '9001=b:8443 spiffe://partner.org/b' };
  const federated = { 'svidecar.dev/federates-with': 'partner.org' };

  test('callers and upstreams of a trust domain that is not federated', () => {
    const callers = { ...inbound, 'svidecar.dev/allow-callers': 'spiffe://partner.org/a' };
    expect(warningsOf(pod(callers))).toContain('callers_not_federated');
    expect(warningsOf(pod({ ...callers, ...federated }))).not.toContain('callers_not_federated');
    expect(warningsOf(pod(abroad))).toContain('upstreams_not_federated');
    const { steps } = decideOn(pod({ ...abroad, ...federated }));
    expect(steps.map(({ id }) => id)).not.toContain('upstreams_not_federated');
    expect(steps.map(({ id }) => id)).not.toContain('federation_unused');
    // Nobody comes in, whoever is named.
    const nobody = { ...upstreams, 'svidecar.dev/allow-callers': 'spiffe://partner.org/a' };
    expect(warningsOf(pod(nobody))).not.toContain('callers_not_federated');
  });

  test.each([
    [{ httpGet: { path: '/', port: 8443 } }, 'the kubelet has no certificate to show: the pod'],
    [{ grpc: { port: 8443 } }, 'the kubelet has no certificate to show: the pod'],
    [{ tcpSocket: { port: '8443' } }, 'takes the connection whether the app is there or not'],
    [{ httpGet: { path: '/', port: 8080 } }, undefined],
    [{ exec: { command: ['true'] } }, undefined],
  ])('a probe of what wants a certificate: %j', (readinessProbe, says) => {
    const containers = [{ name: 'app', image: 'app', readinessProbe }];
    for (const more of [{}, { 'inject.svidecar.dev/templates': 'envoy, jwt-validate' }]) {
      const { steps } = decideOn(pod({ ...inbound, ...more }, { containers }));
      const told = steps.filter(({ id }) => id.startsWith('probe_without_'));
      expect(told.map(({ id }) => id)).toEqual(
        says === undefined ? [] : ['probe_without_certificate'],
      );
      for (const { message } of told) expect(message).toContain(says);
    }
  });

  test('one audience for several upstreams', () => {
    const two = `9001=b:8443 ${backend}, 9002=p:8443 spiffe://example.org/p`;
    const messages = (more: Readonly<Record<string, string>>): string =>
      decideOn(pod({ ...inbound, ...withTokens, 'svidecar.dev/upstreams': two, ...more }))
        .steps.map(({ message }) => message)
        .join('\n');
    const says = 'each of them gets a token that the others accept';
    expect(messages({ 'svidecar.dev/audience': 'one' })).toContain(says);
    expect(messages({})).not.toContain(says);
  });
});

describe('the audience of tokens', () => {
  test('is whoever must answer', () => {
    expect(settingsOf(both)).toContain(`"audience": "${backend}"`);
    expect(settingsOf({ ...both, 'svidecar.dev/inject-audience': 'a' })).toContain(
      '"audience": "a"',
    );
  });

  test('is told apart by the local port, where that differs, and other hosts get no route', () => {
    const pay = 'spiffe://example.org/ns/shop/sa/pay';
    const two = `9001=backend.shop:8443 ${backend}, 9002=pay.shop:8443 ${pay}`;
    expect(settingsOf({ ...inbound, 'svidecar.dev/upstreams': two })).toContain(
      `"localhost:9002": "${pay}"`,
    );
    const annotations = { ...withTokens, ...inbound, 'svidecar.dev/upstreams': two };
    const proxy = statusOf(injected(pod(annotations)))?.envoy?.proxy;
    expect(proxy?.upstreams[1]?.domains).toEqual(['127.0.0.1:9002', 'localhost:9002']);
  });
});

describe('its configuration', () => {
  const engine = engineFor();
  const marking = { memory: engine.memory, marks: engine.config.configMaps };

  test('is made from the status alone, and lives as long as those that mount it', () => {
    const object = injected(pod({ ...both, ...withTokens }));
    const users = ['a', 'b'].map((name) => userOf(name, object));
    const { configMaps, problems } = desiredConfigMaps('shop', users, {
      ...marking,
      sources: new Map(),
    });
    expect(problems).toEqual([]);
    const own = configMaps.find(({ name }) => name.startsWith('envoy-svidecar-'));
    expect(own?.owners.map(({ uid }) => uid)).toEqual(['uid-a', 'uid-b']);
    expect(own?.annotations).toEqual({});
    expect(own?.data['envoy.yaml']).toContain('svidecar.jwt-validate');
  });

  test.each(['ext-authz', 'native'])(
    '%s: all listeners are those for others and the app',
    (way) => {
      const everywhere = {
        'svidecar.dev/data-path': way,
        'svidecar.dev/validate-listeners': '*',
        'svidecar.dev/inject-listeners': '*',
      };
      const configuration = (more: Readonly<Record<string, string>>): unknown => {
        const user = userOf('a', injected(pod({ ...both, ...withTokens, ...more })));
        const { configMaps } = desiredConfigMaps('shop', [user], {
          ...marking,
          sources: new Map(),
        });
        return configMaps.find(({ name }) => name.startsWith('envoy-svidecar-'))?.data[
          'envoy.yaml'
        ];
      };
      expect(configuration(everywhere)).toBe(configuration({ 'svidecar.dev/data-path': way }));
    },
  );

  test('has a name that a changed status does not have', () => {
    const user = userOf('a', injected(pod(both)));
    const forged = { ...user, status: user.status.replace('"listen":8443', '"listen":8444') };
    expect(wantedBy([user]).problems).toEqual([]);
    expect(wantedBy([forged]).envoys).toEqual([]);
    expect(wantedBy([forged]).problems.map(({ reason }) => reason)).toEqual(['StatusInvalid']);
  });

  test('a status with more in its plan is of a later version', () => {
    const { status } = userOf('a', injected(pod(both)));
    const later = status.replace('"inPod":true', '"inPod":true,"more":1');
    expect(() => parseStatus(later)).toThrow(/which knows more than this version/);
    const much = later.replace('"more":1', '"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1');
    expect(() => parseStatus(much)).toThrow('(a, b, c, d, e and 2 more in svidecar.dev/status)');
  });
});

test('texts: twice is once, and what was there comes back', () => {
  const text = `# A comment\n${stringify(pod({ ...both, ...withTokens }))}`;
  const options = { engine: engineFor(), namespace: 'shop' };
  const once = injectTexts([{ name: 'pod.yaml', text }], options);
  expect(once.problems).toEqual([]);
  const twice = injectTexts([{ name: 'pod.yaml', text: once.text }], options);
  expect(twice.text).toBe(once.text);
  const back = uninjectTexts([{ name: 'pod.yaml', text: once.text }], 'shop');
  expect(back.text).toBe(text);
});

test('registrations: Envoy wants a certificate, beside the helper', () => {
  const engine = engineFor();
  const envoy = {
    wantsCertificate: true,
    selectors: expect.arrayContaining(['k8s:container-name:envoy']) as string[],
  };
  expect(identityOfStored(pod(both), engine)).toMatchObject({ kind: 'identity', identity: envoy });
  expect(identityOfStored(injected(pod({ ...both, ...withTokens })), engine)).toMatchObject({
    identity: { selectors: expect.arrayContaining(['k8s:container-name:auth-helper']) as string[] },
    envoy,
  });
});
