/** The Helm chart by real helm: what it renders, what it refuses, and how it comes, changes and goes on a real API server. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { manifestsOfRevision } from '../../../webhook/manifests/revise-manifests.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { runCommand, waitUntil, type CommandResult } from '../harness/processes.ts';
import { apply, asks, guard, podOf, podsIn, tryToCreate } from './guarded-cluster.ts';
import {
  chart,
  crdComponents,
  crdsOfOthers,
  dryRun,
  helm,
  helmTemplate,
  idOf,
  kindOf,
  kustomize,
  makeWhatOthersNeed,
  nameOf,
  objectsIn,
  overlayOf,
} from './render.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'helm'];
const ofHelm = [
  'app.kubernetes.io/instance',
  'app.kubernetes.io/version',
  'app.kubernetes.io/managed-by',
  'helm.sh/chart',
];
const shop = readFileSync('test/integration/fixtures/shop.yaml', 'utf8');

/** Objects by kind and name, without the labels that Helm's users expect and kustomize's don't. */
function comparable(text: string): Readonly<Record<string, JsonObject>> {
  const objects = objectsIn(text).map((object): [string, JsonObject] => {
    const metadata = objectAt(object, 'metadata');
    const labels = Object.entries(objectAt(metadata, 'labels')).filter(
      ([key]) => !ofHelm.includes(key),
    );
    return [
      idOf(object),
      { ...object, metadata: { ...metadata, labels: Object.fromEntries(labels) } },
    ];
  });
  return Object.fromEntries(objects);
}

/** Settings that are tried one by one and must be valid for the API server too. */
const variants: readonly (readonly string[])[] = [
  ['replicas=1'],
  ['revision=canary', 'networkPolicy.enabled=true', 'serviceMonitor.enabled=true'],
  ['replicas=3', 'spread=DoNotSchedule', 'priorityClassName=system-cluster-critical'],
  ['failurePolicy=Fail', 'guard.enabled=false'],
  ['networkPolicy.enabled=true', 'serviceMonitor.enabled=true'],
  [
    'image.repository=registry.example.org/w',
    `image.digest=sha256:${'0'.repeat(64)}`,
    'imagePullSecrets[0].name=pull',
  ],
  [
    'config.trustDomain=prod.example',
    'config.helper.image=registry.example.org/h:1',
    'extraArgs={--log-level=debug}',
  ],
  ['certificates.source=cert-manager', 'serviceMonitor.enabled=true'],
  [
    'certificates.source=cert-manager',
    'certificates.issuerRef.name=own',
    'certificates.issuerRef.kind=ClusterIssuer',
  ],
  [
    'certificates.source=spiffe',
    'config.socket.csiDriver=other.example',
    'serviceMonitor.enabled=true',
  ],
  ['certificates.source=secret', 'certificates.caBundle=PEM', 'certificates.secretName=own'],
  ['config.registration=entries', 'config.spire.server=spire-server.spire.svc:8081'],
  ['config.registration=entries', 'config.spire.server=unix:///run/spire-server/api.sock'],
  [
    'nodeSelector.a=b',
    'tolerations[0].operator=Exists',
    'podLabels.a=b',
    'podAnnotations.a=b',
    'resources.limits.cpu=2',
  ],
];

describeWithComponents(['kubectl', 'helm'], 'the chart', () => {
  test('renders what the kustomize base holds, but for the namespace and the labels of Helm', async () => {
    const { code, stdout, stderr } = await helmTemplate();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const base = comparable(await kustomize('manifests/kustomize/base'));
    const { 'Namespace svidecar': namespace, ...others } = base;
    expect(namespace).toBeDefined();
    expect(comparable(stdout)).toEqual(others);
  });

  test.each([
    ['cert-manager', 'certificates.source=cert-manager'],
    ['spire-certificate', 'certificates.source=spiffe'],
    ['network-policy', 'networkPolicy.enabled=true'],
    ['monitoring', 'serviceMonitor.enabled=true'],
    ['fail-closed', 'failurePolicy=Fail'],
  ])('renders what the component %s makes of the base with %s', async (component, value) => {
    const { stdout } = await helmTemplate('--set', value);
    const work = await overlayOf(
      'manifests/kustomize/base',
      `manifests/kustomize/components/${component}`,
    );
    const rendered = await kustomize(work.path);
    const { 'Namespace svidecar': namespace, ...others } = comparable(rendered);
    await work.remove();
    expect(namespace).toBeDefined();
    expect(comparable(stdout)).toEqual(others);
    const named = await helmTemplate('--set', `${value},revision=canary`);
    const revised = manifestsOfRevision(objectsIn(rendered), 'canary');
    const text = revised.map((object) => JSON.stringify(object)).join('\n---\n');
    expect(comparable(named.stdout)).toEqual(comparable(text));
  });

  test('has no fault that helm lint finds', async () => {
    const { code, stdout } = await helm(['lint', chart, '--namespace', 'svidecar', '--strict']);
    expect(code, stdout).toBe(0);
  });

  test.each([
    ['a value that does not exist', 'replica=3', "additional properties 'replica' not allowed"],
    ['a number out of its range', 'replicas=0', "at '/replicas': minimum: got 0, want 1"],
    [
      'a revision with the name of a part',
      'revision=pods',
      'must not begin with a word that names another object',
    ],
    ['a revision that begins with one', 'revision=marks-b', 'names another object'],
    ['a revision that YAML reads as a number', 'revision=0x1f', 'what YAML reads as a number'],
    [
      'a revision that YAML reads as true',
      'revision=on',
      'what YAML reads as a number, or as true',
    ],
    ['no revision at all', 'revision=null', "for the default revision write revision: ''"],
    ['an unknown policy', 'failurePolicy=ignore', "value must be one of 'Ignore', 'Fail'"],
    [
      'an unknown key of the configuration',
      'config.trustdomain=a',
      "at '/config': additional properties 'trustdomain' not allowed",
    ],
    [
      'a wrong value of the configuration',
      'config.socket.kind=csl',
      "at '/config/socket/kind': value must be one of 'csi', 'hostPath'",
    ],
    ['a Secret without its authority', 'certificates.source=secret', 'needs the authority'],
    [
      'a guard switched off alone',
      'guard.enabled=false',
      'set failurePolicy to Fail, or leave the guard on',
    ],
  ])('refuses %s, and says where', async (_name, value, message) => {
    const { code, stderr } = await helmTemplate('--set', value);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test('refuses a namespace that svidecar would then not protect', async () => {
    const { code, stderr } = await helmTemplate('--namespace', 'default');
    expect(code).toBe(1);
    expect(stderr).toContain('install with --namespace svidecar');
  });
});

describeWithComponents([...programs, ...crdComponents], 'the chart on a real API server', () => {
  let api: ApiServer;
  const release = (...args: readonly string[]): Promise<CommandResult> =>
    helm([...args, '--namespace', 'identity'], api.kubeconfig);

  beforeAll(async () => {
    api = await startApiServer();
    await makeWhatOthersNeed(api, crdsOfOthers());
    const spiffeIds = 'manifests/spire/controller-manager/crds/clusterspiffeids.yaml';
    await makeWhatOthersNeed(api, readFileSync(spiffeIds, 'utf8'));
  });
  afterAll(async () => {
    await api.stop();
  });

  async function read(kind: string, name: string): Promise<JsonObject> {
    const { stdout } = await api.kubectl(['get', kind, name, '-n', 'identity', '-o', 'json']);
    const object: unknown = JSON.parse(stdout);
    return isObject(object) ? object : {};
  }
  /** What stays of the chart's objects, of any kind. */
  async function leftOver(): Promise<readonly string[]> {
    const kinds =
      'deployments,services,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets';
    const ofCluster =
      'clusterroles,clusterrolebindings,mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings';
    const { stdout } = await api.kubectl([
      'get',
      `${kinds},${ofCluster}`,
      '-A',
      '-l',
      'app.kubernetes.io/name=svidecar',
      '-o',
      'name',
    ]);
    return stdout.split('\n').filter((line) => line !== '');
  }
  async function caBundles(): Promise<readonly unknown[]> {
    const hooks = listAt(await read('mutatingwebhookconfiguration', 'svidecar-pods'), 'webhooks');
    return hooks.map((hook) => isObject(hook) && objectAt(hook, 'clientConfig')['caBundle']);
  }

  test.each(variants.map((values) => [values.join(' '), values] as const))(
    'is valid with %s',
    async (_name, values) => {
      await api.kubectl(['create', 'namespace', 'svidecar']);
      const { stdout, stderr } = await helmTemplate(...values.flatMap((value) => ['--set', value]));
      expect(stderr).toBe('');
      expect(await dryRun(api, stdout)).toMatchObject({ code: 0, stderr: '' });
    },
  );

  describe('comes, changes and goes', () => {
    const secret = Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('base64');
    beforeAll(async () => {
      await api.kubectl(['delete', 'namespace', 'svidecar', '--wait=false']);
      await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    });

    test('helm install, in a namespace of another name, and its notes say the next step', async () => {
      const { code, stdout, stderr } = await release(
        'install',
        'svidecar',
        chart,
        '--create-namespace',
        '--set',
        'config.trustDomain=prod.example',
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('kubectl label namespace NAMESPACE svidecar.dev/injection=enabled');
      expect(stdout).toContain('svidecar.dev/audience: spiffe://prod.example/ns/');
      const { data } = await read('configmap', 'svidecar');
      expect(stringAt(isObject(data) ? data : {}, 'config.yaml')).toContain(
        '\ntrustDomain: prod.example\n',
      );
      const [hook] = listAt(
        await read('mutatingwebhookconfiguration', 'svidecar-pods'),
        'webhooks',
      );
      expect(JSON.stringify(hook)).toContain('"namespace":"identity"');
      expect(JSON.stringify(hook)).toContain('["kube-system","identity"]');
    });

    test('its guard is at work, and its own pods are admitted', async () => {
      await waitUntil('the guard refuses', async () =>
        (await tryToCreate(api, 'shop', podOf(asks('jwt-inject')))).stderr.includes(guard),
      );
      await waitUntil(
        'two replicas are there',
        async () => (await podsIn(api, 'identity')).length === 2,
      );
    });

    test('helm upgrade changes what is asked for, and keeps the caBundle that was written meanwhile', async () => {
      await writeCaBundles();
      const { code, stderr } = await release(
        'upgrade',
        'svidecar',
        chart,
        '--reuse-values',
        '--set',
        'replicas=3',
        '--set',
        'failurePolicy=Fail',
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(objectAt(await read('deployment', 'svidecar'), 'spec')['replicas']).toBe(3);
      const [hook] = listAt(
        await read('mutatingwebhookconfiguration', 'svidecar-pods'),
        'webhooks',
      );
      expect(hook).toMatchObject({ name: 'pods.svidecar.dev', failurePolicy: 'Fail' });
      expect(await caBundles()).toEqual([secret, secret]);
    });

    test('a wrong value is refused by the schema and changes nothing', async () => {
      const before = await read('deployment', 'svidecar');
      const { code, stderr } = await release(
        'upgrade',
        'svidecar',
        chart,
        '--set',
        'replicas=none',
      );
      expect(code).toBe(1);
      expect(stderr).toContain("at '/replicas': got string, want integer");
      expect(await read('deployment', 'svidecar')).toEqual(before);
    });

    test('helm rollback gives back the first settings, and keeps the caBundle', async () => {
      const { code, stderr } = await release('rollback', 'svidecar', '1');
      expect(code, stderr).toBe(0);
      expect(objectAt(await read('deployment', 'svidecar'), 'spec')['replicas']).toBe(2);
      expect(await caBundles()).toEqual([secret, secret]);
    });

    test('a second release is refused: the cluster has one', async () => {
      const { code, stderr } = await helm(
        ['install', 'other', chart, '--namespace', 'other', '--create-namespace'],
        api.kubeconfig,
      );
      expect(code).toBe(1);
      expect(stderr).toContain('invalid ownership metadata');
    });

    test('one with a revision comes and goes beside it, and takes nothing of it along', async () => {
      const all = [
        'mutatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings',
        'clusterroles,clusterrolebindings,roles,rolebindings,services,serviceaccounts,deployments',
      ].join(',');
      const names = ['get', all, '-A', '-l', 'app.kubernetes.io/name=svidecar', '-o', 'name'];
      const before = (await api.kubectl(names)).stdout;
      const set = ['--set', 'revision=canary', '--set', 'replicas=1'];
      const installed = await release('install', 'svidecar-canary', chart, ...set);
      expect(installed.code, installed.stderr).toBe(0);
      expect(installed.stdout).toContain('enabled svidecar.dev/revision=canary');
      const beside = (await api.kubectl(names)).stdout.split('\n').filter((name) => name !== '');
      const old = before.split('\n').filter((name) => name !== '');
      expect(beside.filter((name) => !name.endsWith('-canary'))).toEqual(old);
      expect(beside.length).toBe(2 * old.length);
      const { code, stderr } = await release('uninstall', 'svidecar-canary', '--wait=false');
      expect(code, stderr).toBe(0);
      await waitUntil('it is gone', async () => (await api.kubectl(names)).stdout === before);
    });

    test('helm uninstall takes everything of it away, leaves workloads running, and they can be un-injected', async () => {
      const offline = await runCommand('scripts/svidecar', ['inject', '-q', '-'], { input: shop });
      await apply(api, 'shop', offline.stdout);
      await waitUntil('its pod is there', async () => (await podsIn(api, 'shop')).length === 1);
      const [before] = await podsIn(api, 'shop');
      const { code, stderr } = await release('uninstall', 'svidecar', '--wait=false');
      expect(code, stderr).toBe(0);
      await waitUntil('nothing of it is left', async () => (await leftOver()).length === 0);
      const [after] = await podsIn(api, 'shop');
      expect(objectAt(after ?? {}, 'metadata')['uid']).toBe(
        objectAt(before ?? {}, 'metadata')['uid'],
      );
      await api.kubectl(['scale', '-n', 'shop', 'deployment/frontend', '--replicas=2']);
      await waitUntil('it gets new pods', async () => (await podsIn(api, 'shop')).length === 2);
      const live = await api.kubectl(['get', 'deployment', '-n', 'shop', 'frontend', '-o', 'yaml']);
      const plain = await runCommand('scripts/svidecar', ['uninject', '-q', '-'], {
        // Controllers write its status meanwhile, which would be a conflict.
        input: live.stdout.replace(/^ {2}resourceVersion: .*\n/m, ''),
      });
      const replaced = await api.kubectl(['replace', '-f', '-'], { input: plain.stdout });
      expect(replaced.code, replaced.stderr).toBe(0);
      const { stdout } = await api.kubectl([
        'get',
        'deployment',
        '-n',
        'shop',
        'frontend',
        '-o',
        'yaml',
      ]);
      expect(stdout).not.toContain('auth-helper');
      expect(stdout).not.toContain('svidecar.dev/status');
    });

    /** As the webhook does it once it has a certificate. */
    async function writeCaBundles(): Promise<void> {
      const hooks = objectsIn((await helmTemplate()).stdout).filter(
        (object) => kindOf(object) === 'MutatingWebhookConfiguration',
      );
      for (const hook of hooks) {
        const patch = listAt(hook, 'webhooks').map((_, index) => ({
          op: 'add',
          path: `/webhooks/${index}/clientConfig/caBundle`,
          value: secret,
        }));
        const args = [
          'patch',
          'mutatingwebhookconfiguration',
          nameOf(hook),
          '--type=json',
          '-p',
          JSON.stringify(patch),
        ];
        expect(await api.kubectl(args)).toMatchObject({ code: 0 });
      }
    }
  });
});
