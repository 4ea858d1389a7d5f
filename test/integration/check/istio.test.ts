/** What svidecar check and explain say of Istio's objects, on a real API server with Istio's kinds. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { extensionProvider } from '../../../webhook/manifests/istio-policies.ts';
import { runSvidecar } from '../../fakes/fake-terminal.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { installIstioCrds } from '../harness/istio-crds.ts';
import { waitUntil } from '../harness/processes.ts';
import { installWebhook, type InstalledWebhook } from '../harness/webhook.ts';
import { checkCluster, type Told } from './told.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'istio-files'];
const crds = [
  'envoyfilters.networking.istio.io',
  'serviceentries.networking.istio.io',
  'authorizationpolicies.security.istio.io',
  'requestauthentications.security.istio.io',
];

function deployment(name: string, template: string): object {
  const annotations = {
    'inject.svidecar.dev/templates': template,
    'svidecar.dev/envoy-container': 'istio-proxy',
    'svidecar.dev/audience': 'backend',
  };
  const containers = [
    { name: 'app', image: 'app:1' },
    { name: 'istio-proxy', image: 'istio/proxyv2:1', args: ['proxy', 'sidecar'] },
  ];
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations }, spec: { containers } },
    },
  };
}

describeWithComponents(programs, "svidecar check of Istio's objects on a real API server", () => {
  let api: ApiServer;
  let webhook: InstalledWebhook;

  beforeAll(async () => {
    api = await startApiServer();
    await installIstioCrds(api, crds);
    webhook = await installWebhook(api);
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await api.createNamespace('istio-system');
    await apply(deployment('filtered', 'jwt-validate'), deployment('asked', 'istio-validate'));
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  async function apply(...objects: readonly (object | string)[]): Promise<void> {
    const texts = objects.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
    const { code, stderr } = await api.kubectl(['apply', '-f', '-'], {
      input: texts.join('\n---\n'),
    });
    expect(code, stderr).toBe(0);
  }
  async function kubectl(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await api.kubectl(words);
    expect(code, stderr).toBe(0);
    return stdout;
  }
  const check = (...words: readonly string[]): Promise<Told> =>
    checkCluster(api.kubeconfig, ...words);
  const explain = async (): Promise<string> => {
    const line = ['explain', '--kubeconfig', api.kubeconfig, '-n', 'shop', 'deployment/filtered'];
    return (await runSvidecar(line)).out;
  };
  const ofFilter = ({ findings }: Told): readonly string[] =>
    findings.filter((each) => /^(envoy_filter|config_maps) /.test(each));

  test('an EnvoyFilter as svidecar keeps it is well', async () => {
    let told = await check();
    await waitUntil('all of it is there', async () => {
      told = await check();
      return told.statuses['envoy_filter'] === 'ok' && told.statuses['config_maps'] === 'ok';
    });
    expect(ofFilter(told)).toEqual([]);
    expect(told.reasons.join('\n')).toContain('no Deployment with the label app: istiod is seen');
    expect((await check('-n', 'shop')).statuses).toMatchObject({ envoy_filter: 'ok' });
  });

  test("without a policy Istio asks nobody; with what render prints, and istiod's provider, all is well", async () => {
    const unasked = await check();
    expect(unasked.code).toBe(1);
    expect(unasked.findings).toContainEqual(
      expect.stringMatching(
        /^istio_policies error shop\/asked: no AuthorizationPolicy .* unchecked/,
      ),
    );
    const stdin = JSON.stringify(deployment('asked', 'istio-validate'));
    const printed = await runSvidecar(['render', 'istio', '-'], { stdin });
    await apply(printed.out);
    expect((await check()).reasons.join('\n')).toContain('the extension provider is not judged');
    const mesh = (text: string): object => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'istio', namespace: 'istio-system', labels: { 'istio.io/rev': 'default' } },
      data: { mesh: text },
    });
    await apply(mesh('trustDomain: example.org\n'));
    expect((await check()).findings).toContainEqual(
      expect.stringMatching(/^istio_policies error istio-system\/istio: has no extension provider/),
    );
    const { meshConfig = {} } = extensionProvider('istio-system');
    await apply(mesh(JSON.stringify(meshConfig)));
    for (const words of [[], ['-n', 'shop']])
      expect((await check(...words)).statuses).toMatchObject({
        istio_policies: 'ok',
        istio_jwt_rules: 'ok',
      });
  });

  test('a RequestAuthentication that reads our header is found', async () => {
    await apply({
      apiVersion: 'security.istio.io/v1',
      kind: 'RequestAuthentication',
      metadata: { name: 'users', namespace: 'istio-system' },
      spec: { jwtRules: [{ issuer: 'https://idp.example.org', jwks: '{"keys":[]}' }] },
    });
    const { findings } = await check('-n', 'shop');
    for (const name of ['filtered', 'asked'])
      expect(findings).toContainEqual(
        expect.stringMatching(
          new RegExp(
            `^istio_jwt_rules warning shop/${name}: RequestAuthentication istio-system/users`,
          ),
        ),
      );
    await kubectl('delete', 'requestauthentication', '-n', 'istio-system', 'users');
  });

  test('once nobody keeps it, what somebody changes and deletes is found, and told by explain', async () => {
    await webhook.stop();
    expect(await explain()).toContain('envoy_filter_stands');
    const name = await kubectl('get', 'envoyfilters', '-n', 'shop', '-o', 'name');
    const change = [
      { op: 'replace', path: '/spec/configPatches/1/match/context', value: 'GATEWAY' },
    ];
    const patch = ['--type=json', `--patch=${JSON.stringify(change)}`];
    await kubectl('patch', '-n', 'shop', name.trim(), ...patch);
    expect(ofFilter(await check())).toEqual([
      expect.stringMatching(
        /^envoy_filter error shop\/filtered: .*whose spec.configPatches\[1\].match.context/,
      ),
    ]);
    expect(await explain()).toMatch(/envoy_filter_differs .*spec.configPatches\[1\].match.context/);
    await kubectl('delete', '-n', 'shop', name.trim());
    expect(ofFilter(await check())).toEqual([
      expect.stringMatching(/^envoy_filter error shop\/filtered: .*which is not there/),
    ]);
    expect(await explain()).toContain('envoy_filter_missing');
  });

  test('a cluster without the kind says so', async () => {
    await kubectl('delete', 'crd', 'envoyfilters.networking.istio.io');
    expect(ofFilter(await check())).toEqual([
      expect.stringMatching(/^envoy_filter error shop\/\S+: .*the cluster has no kind EnvoyFilter/),
    ]);
    expect(await explain()).toContain('envoy_filter_missing');
  });
});
