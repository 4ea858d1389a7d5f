import { describe, expect, test } from 'vitest';
import { objectAt } from '#kernel/json.ts';
import { injected } from '../../../fakes/admission.ts';
import { deployment, pod as podOf } from '../../../fakes/workloads.ts';
import { runSvidecar, type CliResult } from '../../../fakes/fake-terminal.ts';

/** A pod of a mesh, as a manifest or, with a UID, as the cluster shows it. */
function pod(options: {
  readonly name?: string;
  readonly isLive?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: object;
}): object {
  const {
    name = 'sleep-1',
    isLive = false,
    labels = { app: 'sleep' },
    annotations,
    spec,
  } = options;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      labels,
      annotations,
      ...(isLive && { uid: `uid-${name}` }),
    },
    spec: { serviceAccountName: 'sleep', containers: [{ name: 'sleep' }], ...spec },
  };
}

const withProxy = { containers: [{ name: 'sleep' }, { name: 'istio-proxy', image: 'auto' }] };
const withNativeProxy = { initContainers: [{ name: 'istio-proxy', image: 'r.test/proxy:1' }] };

function render(flags: readonly string[], ...objects: readonly object[]): Promise<CliResult> {
  const stdin = objects.map((each) => `---\n${JSON.stringify(each)}\n`).join('');
  return runSvidecar(['render', 'entries', ...flags], { stdin });
}

describe('flags that contradict each other are refused, with what goes', () => {
  test.each([
    ['--as objects --parent-id spiffe://a.test/x', '--parent-id does not go with --as objects'],
    ['--as objects --node-alias a:b', 'use --as commands or --as json or --as static'],
    ['--as objects --pod-uid', 'an entry for each pod, by its UID'],
    ['--as objects --no-x509-prefetch', 'no word for it; use --as commands or --as json'],
    ['--as static --no-x509-prefetch', 'no word for it'],
    ['--as json --server x', '--server does not go with --as json'],
    ['--as static --socket-path /x', 'use --as commands'],
    ['--class-name x', '--class-name does not go with --as commands (only objects have it)'],
    ['--dns ${pod}.shop', 'use it with --pod-uid or --as objects'],
    ['--node-alias demo', 'write type:value'],
    ['--jwt-ttl 300', '300: write a duration'],
    ['--pod-uid', 'no input is a Pod with a UID'],
    ['--hint a\u0007b', '--hint a\\u0007b: must be at most 255 visible characters'],
    ['--as static --class-name a\nb', 'must be the name of a class'],
    ['--pod-label a/b/c', '--pod-label a/b/c: must be the key of a label'],
    ['--dns a..b', '--dns a..b: must be a DNS name'],
    ['--dns -a.test', '--dns -a.test: must be a DNS name'],
    ['--dns a_b.test', 'must be a DNS name'],
    ['--dns *', 'must be a DNS name'],
    ['--dns -${workload}.test', 'must be a DNS name'],
    ['--x509-ttl 0s', '--x509-ttl 0s: write at least 1s'],
    ['--jwt-ttl 366d', '--jwt-ttl 366d: write at least 1s and at most 365d'],
  ])('%s', async (flags, says) => {
    const { code, out, err } = await render(flags.split(' '), pod({}));
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
    expect(err).toContain('[USAGE]');
  });

  test('a parent that is no SPIFFE ID', async () => {
    const { code, err } = await render(['--parent-id', 'https://a.test'], pod({}));
    expect(code).toBe(1);
    expect(err).toContain('[SPIFFE_ID_INVALID]');
  });
});

describe("Istio's proxies", () => {
  const identities = async (flags: string, ...objects: readonly object[]): Promise<unknown> => {
    const { out } = await render(['--istio', '--as', 'json', ...flags.split(' ')], ...objects);
    const { entries } = JSON.parse(out) as { entries: { spiffe_id: string }[] };
    return entries.map((each) => each.spiffe_id);
  };
  const istio = ['spiffe://example.org/ns/shop/sa/sleep'];

  test.each([
    ['a container', pod({ spec: withProxy })],
    ['a native sidecar', pod({ spec: withNativeProxy })],
    ['one that the mesh has not injected yet', pod({})],
    [
      'a label says yes, and an annotation, which counts less, no',
      pod({
        labels: { app: 'sleep', 'sidecar.istio.io/inject': 'true' },
        annotations: { 'sidecar.istio.io/inject': 'false' },
      }),
    ],
    [
      'what only older releases read as no',
      pod({ annotations: { 'sidecar.istio.io/inject': 'no' } }),
    ],
    ['a running one', pod({ spec: withProxy, isLive: true })],
  ])('%s is registered, under the only SPIFFE ID that Istio takes', async (_name, object) => {
    expect(await identities('--hint x', object)).toEqual(istio);
  });

  test.each([
    ['a label says no', pod({ labels: { 'sidecar.istio.io/inject': 'false' } })],
    ['an annotation says no', pod({ annotations: { 'sidecar.istio.io/inject': 'false' } })],
    ["it is on the node's network", pod({ spec: { hostNetwork: true } })],
    ['it runs without a proxy', pod({ isLive: true })],
  ])('there is none where %s', async (_name, object) => {
    expect(await identities('--hint x', object)).toEqual([]);
  });

  test('their images select where they are known', async () => {
    const { out } = await render(
      ['--istio', '--image', '--pod-label', 'app'],
      pod({ spec: withNativeProxy }),
      pod({ spec: withProxy, labels: { app: 'other' } }),
    );
    expect(out.match(/container-image:\S+/g)).toEqual(['container-image:r.test/proxy:1']);
  });

  test('they have the names of their pod and Services, and those that are asked for', async () => {
    const service = (name: string, selector: object, namespace?: string): object => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { selector },
    });
    const { out } = await render(
      ['--istio', '--pod-uid', '--namespace', 'shop', '--dns', '${workload}.${namespace}.test'],
      pod({ spec: withProxy, isLive: true }),
      service('sleep', { app: 'sleep' }),
      service('headless', {}, 'shop'),
      service('others', { app: 'others' }, 'shop'),
      service('elsewhere', { app: 'sleep' }, 'bank'),
    );
    expect(out.match(/-dns \S+/g)).toEqual([
      '-dns sleep-1',
      '-dns sleep.shop.svc',
      '-dns sleep-1.shop.test',
    ]);
  });
});

test('each running pod is registered by its UID, with its helper where it has one', async () => {
  const withHelper = { containers: [{ name: 'envoy' }, { name: 'auth-helper' }] };
  const { out, err, code } = await render(
    ['--pod-uid', '--container', 'envoy'],
    pod({ name: 'a', isLive: true, spec: withHelper }),
    pod({ name: 'b', isLive: true, spec: { containers: [{ name: 'envoy' }] } }),
    pod({ name: 'c', spec: withHelper }),
  );
  expect([code, err]).toEqual([0, '']);
  expect(out.match(/(pod-uid|container-name):\S+/g)).toEqual([
    'pod-uid:uid-a',
    'container-name:auth-helper',
    'pod-uid:uid-a',
    'container-name:envoy',
    'pod-uid:uid-b',
    'container-name:envoy',
  ]);
});

test('a helper that only bans is not registered, in a manifest or in a running pod', async () => {
  const running = (templates: string): object => {
    const made = injected(podOf({ 'inject.svidecar.dev/templates': templates }));
    return { ...made, metadata: { ...objectAt(made, 'metadata'), uid: 'uid-a' } };
  };
  const manifest = deployment({ 'inject.svidecar.dev/templates': 'jwt-ban' });
  expect(await render([], manifest)).toMatchObject({ code: 0, out: '' });
  expect(await render(['--pod-uid'], running('jwt-ban'))).toMatchObject({ code: 0, out: '' });
  const both = await render(['--pod-uid'], running('jwt-ban, jwt-validate'));
  expect(both.out).toContain('container-name:auth-helper');
});

test('a variable that is unknown is told of at the workload; the others are printed', async () => {
  const { code, out, err } = await render(
    ['--container', 'sleep', '--dns', '${other}'],
    pod({}),
    pod({ spec: { containers: [{ name: 'other' }] } }),
  );
  expect([code, out]).toEqual([1, '']);
  expect(err).toContain(
    'unknown variable ${other}; known variables: workload, namespace, serviceAccount',
  );
});

test('what a Deployment makes is not registered beside it', async () => {
  const owned = { ownerReferences: [{ kind: 'Deployment', name: 'sleep', controller: true }] };
  const set = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'sleep-1', namespace: 'shop', ...owned },
    spec: { template: { metadata: {}, spec: { containers: [{ name: 'sleep' }] } } },
  };
  expect((await render(['--container', 'sleep', '--as', 'objects'], set)).out).toBe('');
});

test('a workload without a label that entries select by is refused; the others are printed', async () => {
  const { code, out, err } = await render(
    ['--container', 'sleep', '--pod-label', 'app'],
    pod({}),
    pod({ name: 'bare', labels: { tier: 'back' } }),
  );
  expect(out.match(/pod-label:\S+|container-name:\S+/g)).toEqual([
    'pod-label:app:sleep',
    'container-name:sleep',
  ]);
  expect(err).toMatch(/^stdin:4: Pod shop\/bare: .* the label app, .* \[LABEL_MISSING\]\n$/);
  expect(code).toBe(1);
});

const asking = { 'inject.svidecar.dev/templates': 'jwt-inject', 'svidecar.dev/audience': 'a' };

test.each([['render entries'], ['identities']])(
  '%s warns of objects of other kinds that ask for injection',
  async (command) => {
    const template = { metadata: { annotations: asking }, spec: { containers: [] } };
    const metadata = { name: 'shop', namespace: 'shop' };
    const rollout = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', metadata };
    const stdin = JSON.stringify({ ...rollout, spec: { template } });
    const { code, err } = await runSvidecar([...command.split(' '), '-'], { stdin });
    expect(err).toContain('stdin:1: Rollout shop/shop: warning: ');
    expect(err).toContain('an object of this kind is not changed here');
    expect(err).toMatch(/no entry is printed for it|its identity is not shown/);
    expect(code).toBe(0);
  },
);

test('items of an annotation that name no trust domain are told of', async () => {
  const annotations = { 'spiffe.io/federatesWith': 'b.test, Not One' };
  const { code, out, err } = await render(['--container', 'sleep'], pod({ annotations }));
  expect(err).toMatch(/^stdin:2: Pod shop\/sleep-1: warning: .*"Not One" is no name/m);
  expect([code, out.match(/-federatesWith \S+/g)]).toEqual([0, ['-federatesWith spiffe://b.test']]);
});
