/** svidecar check on a real API server: a healthy installation, then each mistake, made for real. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, type Json, type JsonObject } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { createAuthority } from '../harness/authority.ts';
import { describeWithComponents } from '../harness/components.ts';
import { waitUntil } from '../harness/processes.ts';
import { installWebhook, type InstalledWebhook } from '../harness/webhook.ts';
import { checkCluster, type Told } from './told.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const shop = join(import.meta.dirname, '../fixtures/shop.yaml');
const hooksPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const driver = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name: 'csi.spiffe.io' },
  spec: { volumeLifecycleModes: ['Ephemeral'], podInfoOnMount: true, attachRequired: false },
};
/** The fixture's backend gets what its author forgot. */
const plain = 'name: backend\n        type: STRICT_DNS\n';
const withTls = `${plain}        transport_socket:
          name: tls
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
            common_tls_context: {validation_context: {trusted_ca: {filename: /etc/ssl/certs/ca-certificates.crt}}}
`;

describeWithComponents(programs, 'svidecar check on a real API server', () => {
  let api: ApiServer;
  let webhook: InstalledWebhook;

  beforeAll(async () => {
    api = await startApiServer();
    webhook = await installWebhook(api);
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await apply(JSON.stringify(driver));
    const manifest = await readFile(shop, 'utf8');
    expect(manifest).toContain(plain);
    await apply(manifest.replace(plain, withTls), '-n', 'shop');
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
  });

  async function apply(input: string, ...flags: readonly string[]): Promise<void> {
    const { code, stderr } = await api.kubectl(['apply', ...flags, '-f', '-'], { input });
    expect(code, stderr).toBe(0);
  }
  async function kubectl(...words: readonly string[]): Promise<void> {
    const { code, stderr } = await api.kubectl(words);
    expect(code, stderr).toBe(0);
  }
  const check = (...words: readonly string[]): Promise<Told> =>
    checkCluster(api.kubeconfig, ...words);

  /** What the API server and its controllers need a moment for. */
  async function checkUntil(isThere: (told: Told) => boolean): Promise<Told> {
    let told = await check();
    await waitUntil('the check sees it', async () => {
      if (isThere(told)) return true;
      told = await check();
      return isThere(told);
    });
    return told;
  }

  async function changeHooks(name: string, change: JsonObject): Promise<void> {
    const { body } = await api.request('GET', `${hooksPath}/${name}`);
    const webhooks = listAt(isObject(body) ? body : {}, 'webhooks').map((hook): Json =>
      isObject(hook) ? { ...hook, ...change } : hook,
    );
    const { status } = await api.request('PATCH', `${hooksPath}/${name}`, { webhooks });
    expect(status).toBe(200);
  }

  test('a healthy installation gives no finding', async () => {
    const told = await checkUntil(({ findings }) => findings.length === 0);
    expect(told).toMatchObject({ code: 0, err: '', findings: [] });
    expect(told.statuses).toMatchObject({
      webhook_configured: 'ok',
      webhook_certificate: 'ok',
      webhook_answers: 'ok',
      configuration: 'ok',
      guard_policy: 'ok',
      helper_present: 'ok',
      helper_current: 'ok',
      config_maps: 'ok',
    });
    expect(Object.values(told.statuses)).not.toContain('unknown');
  });

  test('one namespace alone can be looked at', async () => {
    expect(await check('-n', 'shop')).toMatchObject({ code: 0, findings: [] });
  });

  test('mistakes in manifests are found where they are', async () => {
    await kubectl('apply', '-f', join(import.meta.dirname, 'mistakes.yaml'));
    const { code, findings } = await check();
    expect(code).toBe(1);
    for (const expected of [
      /^namespace_label error unlabelled\/\w+: asks for injection \(as do 1 more.*no label/,
      /^namespace_label error \/mislabelled: .*"on" means nothing/,
      /^annotations_valid error unlabelled\/misspelt: .*did you mean svidecar.dev\/socket/,
      /^annotation_placement error team\/misplaced: /,
      /^pod_security error strict\/hostpath: .*"restricted"/,
      /^resource_limits error bounded\/unlimited: ResourceQuota compute .*limits.memory of "app"/,
      /^envoy_version error team\/old-envoy: .*Envoy 1.16/,
      /^port_clash error team\/old-envoy: .*port 9010/,
      /^service_target error team\/plain: Service plain leads to the app's port 8080, past Envoy/,
      /^autoscaling warning team\/old-envoy: .*scale.*cpu of "app"/,
      /^csi_driver error \/csi.spiffe.io: 1 of 1 nodes do not have it: bare/,
      /^spire_agent error spire\/agent: 0 of 0 agents are ready/,
    ]) {
      expect(findings).toContainEqual(expect.stringMatching(expected));
    }
    await kubectl('delete', '-f', join(import.meta.dirname, 'mistakes.yaml'), '--timeout=100s');
  });

  test('a GitOps tool is known by its field manager', async () => {
    await api.createNamespace('argo', { 'svidecar.dev/injection': 'enabled' });
    const manifest = await readFile(shop, 'utf8');
    const manager = ['--server-side', '--field-manager=argocd-controller'];
    await apply(manifest.replace(plain, withTls), '-n', 'argo', ...manager);
    const { code, findings } = await checkUntil(({ statuses }) => statuses['config_maps'] === 'ok');
    expect(code).toBe(5);
    expect(findings).toEqual([
      expect.stringMatching(/^gitops_drift warning argo\/frontend: .*Argo CD/),
    ]);
    await kubectl('label', '--overwrite', 'namespace', 'argo', 'svidecar.dev/injection=pod');
    expect(await check()).toMatchObject({ code: 0, findings: [] });
    await kubectl('delete', 'namespace', 'argo');
  });

  test('an older injection is found, and a configuration that is no longer valid', async () => {
    const path = '/api/v1/namespaces/svidecar/configmaps/svidecar';
    const write = (text: string): Promise<unknown> =>
      api.request('PATCH', path, { data: { 'config.yaml': text } });
    await write('helper: {logLevel: debug}');
    const { code, findings } = await check();
    expect(code).toBe(5);
    expect(findings).toEqual([
      expect.stringMatching(
        /^helper_current warning shop\/frontend: .*other settings than today's/,
      ),
    ]);
    await write('helpers: {}');
    expect((await check()).findings).toContainEqual(
      expect.stringMatching(/^configuration error svidecar\/svidecar: .*helpers.*CONFIG_INVALID/s),
    );
    await write('{}');
  });

  test('a user without rights is told which ones are missing, and that nothing is known', async () => {
    const bob = await api.kubeconfigFor('bob', ['system:authenticated']);
    const { code, findings, reasons, statuses } = await checkCluster(bob);
    expect([code, findings]).toEqual([3, []]);
    expect(statuses).toMatchObject({ kubernetes_version: 'ok', webhook_configured: 'unknown' });
    expect(reasons).toContain(
      'helper_present: not allowed to list deployments.apps: this needs the verb "list" on it',
    );
  });

  test('a cluster that cannot be reached is a fault of the run, not a finding', async () => {
    const nobody = join(import.meta.dirname, 'nobody.kubeconfig.yaml');
    const { code, err } = await checkCluster(nobody);
    expect(code).toBe(3);
    expect(err).toContain('[CLUSTER_UNREACHABLE]');
  });

  test('a pod that came before the label is found, and so is its workload', async () => {
    await api.createNamespace('late');
    const manifest = await readFile(shop, 'utf8');
    await apply(manifest.replace(plain, withTls), '-n', 'late');
    await waitUntil('its pod is there', async () => {
      const { stdout } = await api.kubectl(['get', 'pods', '-n', 'late', '-o', 'name']);
      return stdout !== '';
    });
    await kubectl('label', 'namespace', 'late', 'svidecar.dev/injection=enabled');
    const { findings } = await check();
    expect(findings).toEqual([
      expect.stringMatching(/^helper_present warning late\/frontend: was stored without/),
      expect.stringMatching(/^helper_present error late\/frontend-.*Deployment frontend/),
    ]);
    await kubectl('rollout', 'restart', 'deployment/frontend', '-n', 'late');
    // Without a node no pod becomes ready, so nobody takes the old one away.
    await kubectl('delete', 'pods', '-n', 'late', '--all');
    const after = await checkUntil((told) => told.findings.length === 0);
    expect(after.findings).toEqual([]);
  });

  test('a caBundle that trusts somebody else is found, and what the API server makes of it', async () => {
    const stranger = await createAuthority('stranger');
    const { body } = await api.request('GET', `${hooksPath}/svidecar-pods`);
    const [before] = listAt(isObject(body) ? body : {}, 'webhooks').filter(isObject);
    const caBundle = Buffer.from(stranger.caPem).toString('base64');
    await changeHooks('svidecar-pods', {
      clientConfig: { url: `${webhook.url}/mutate`, caBundle },
      failurePolicy: 'Fail',
    });
    const { findings } = await checkUntil(
      ({ statuses }) => statuses['webhook_answers'] === 'error',
    );
    expect(findings).toContainEqual(
      expect.stringMatching(
        /^webhook_certificate error \/svidecar-pods: pods.svidecar.dev: its caBundle does not lead/,
      ),
    );
    expect(findings).toContainEqual(
      expect.stringMatching(/^webhook_answers error .*cannot call the webhook: .*x509/),
    );
    await changeHooks('svidecar-pods', {
      clientConfig: before?.['clientConfig'],
      failurePolicy: 'Ignore',
    });
    await checkUntil(({ findings: left }) => left.length === 0);
  });

  test('ConfigMaps that are missing or old are found once nobody keeps them', async () => {
    await webhook.stop();
    const { stdout } = await api.kubectl(['get', 'configmaps', '-n', 'shop', '-o', 'name']);
    const helper = /configmap\/(svidecar-\w+)/.exec(stdout)?.[1] ?? '';
    await kubectl('delete', 'configmap', '-n', 'shop', helper);
    await kubectl(
      'patch',
      'configmap',
      '-n',
      'shop',
      'frontend-envoy',
      '--type=merge',
      '-p',
      JSON.stringify({ data: { extra: 'x' } }),
    );
    const { findings } = await check();
    expect(findings).toContainEqual(
      expect.stringMatching(
        new RegExp(
          `^config_maps error shop/frontend: mounts ConfigMap ${helper}, which is not there`,
        ),
      ),
    );
    expect(findings).toContainEqual(
      expect.stringMatching(
        /^config_maps error shop\/frontend: .*frontend-envoy-svidecar-\w+, whose contents/,
      ),
    );
  });

  test('a webhook that is away is found by the guard, and without the guard by the Pod that came through', async () => {
    const { findings } = await checkUntil(
      ({ statuses }) => statuses['webhook_answers'] === 'error',
    );
    expect(findings).toContainEqual(
      expect.stringMatching(/^webhook_answers error .*the guard refused/),
    );
    await kubectl('delete', 'validatingadmissionpolicybinding', '--all');
    expect((await check()).findings).toContainEqual(
      expect.stringMatching(/^guard_policy error \/svidecar-guard: no binding/),
    );
    await kubectl('delete', 'validatingadmissionpolicy', 'svidecar-guard');
    const alone = await checkUntil((told) =>
      told.findings.some((text) => text.includes('admitted without it')),
    );
    expect(alone.findings).toContainEqual(
      expect.stringMatching(/^guard_policy error .*there is no guard/),
    );
  });

  test('hooks that call a Service without replicas are found, with the certificate from its Secret', async () => {
    await kubectl('delete', 'mutatingwebhookconfiguration', 'svidecar-pods', 'svidecar-workloads');
    expect((await check()).findings).toContainEqual(
      expect.stringMatching(/^webhook_configured error .*no MutatingWebhookConfiguration/),
    );
    await kubectl('apply', '-k', 'manifests/kustomize/base');
    const { findings, reasons } = await check();
    expect(findings).toContainEqual(
      expect.stringMatching(
        /^webhook_service error svidecar\/svidecar: no replica behind it is ready/,
      ),
    );
    expect(findings).toContainEqual(
      expect.stringMatching(
        /^webhook_replicas error svidecar\/svidecar: none of 2 replicas is ready/,
      ),
    );
    expect(reasons.join('\n')).toMatch(/webhook_certificate: .*cannot be seen from here/);
  });
});
