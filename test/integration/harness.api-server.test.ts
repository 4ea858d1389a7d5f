import { createServer, type Server } from 'node:https';
import { readFile } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, objectAt } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { createAuthority } from './harness/authority.ts';
import { describeWithComponents, kubernetesVersion } from './harness/components.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];

/** An admission webhook that lets everything pass, with a warning and an audit annotation. */
async function startWebhook(): Promise<{ server: Server; url: string; caPem: string }> {
  const authority = await createAuthority('webhook');
  const leaf = await authority.issue({ commonName: 'webhook', hosts: ['127.0.0.1'] });
  const answer = async (request: NodeJS.ReadableStream): Promise<string> => {
    const review: unknown = await json(request);
    const uid = objectAt(isObject(review) ? review : {}, 'request')['uid'];
    const response = { uid, allowed: true, warnings: ['seen'], auditAnnotations: { seen: 'yes' } };
    return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });
  };
  const server = createServer({ cert: leaf.certificatePem, key: leaf.keyPem }, (request, reply) => {
    void answer(request).then((text) =>
      reply.setHeader('content-type', 'application/json').end(text),
    );
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, url: `https://127.0.0.1:${port}/mutate`, caPem: authority.caPem };
}

describeWithComponents(programs, 'the API server', () => {
  let api: ApiServer;
  beforeAll(async () => {
    api = await startApiServer();
  });
  afterAll(async () => {
    await api.stop();
  });

  test('serves the version that was asked for, to kubectl too', async () => {
    const { stdout } = await api.kubectl(['version', '--output', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      serverVersion: { gitVersion: `v${kubernetesVersion}` },
      clientVersion: { gitVersion: `v${kubernetesVersion}` },
    });
  });

  test('gives a Deployment its ReplicaSet and its Pod objects', async () => {
    await api.createNamespace('shop');
    const create = ['create', 'deployment', 'web', '--image=localhost/web:1', '--replicas=2'];
    expect(await api.kubectl(['--namespace=shop', ...create])).toMatchObject({ code: 0 });
    await waitUntil('there are two pods', async () => {
      const { stdout } = await api.kubectl(['--namespace=shop', 'get', 'pods', '--output=name']);
      return stdout.trim().split('\n').length === 2;
    });
  });

  test('takes objects from standard input and refuses a wrong one', async () => {
    const manifest = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c' },
      data: { k: 'v' },
    };
    const input = JSON.stringify(manifest);
    expect(await api.kubectl(['apply', '-f', '-'], { input })).toMatchObject({ code: 0 });
    const wrong = await api.kubectl(['apply', '-f', '-'], { input: input.replace('"v"', '["v"]') });
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('ConfigMap');
  });

  test('enforces Pod Security in a namespace labelled for it', async () => {
    await api.createNamespace('strict', { 'pod-security.kubernetes.io/enforce': 'restricted' });
    const { code, stderr } = await api.kubectl(['--namespace=strict', 'run', 'web', '--image=web']);
    expect(stderr).toContain('violates PodSecurity');
    expect(code).toBe(1);
  });

  test('grants another user only what RBAC says', async () => {
    const kubeconfig = await api.kubeconfigFor('system:serviceaccount:default:robot');
    const get = ['get', 'configmaps', '--kubeconfig', kubeconfig];
    expect((await api.kubectl(get)).stderr).toContain('forbidden');
    await api.kubectl([
      'create',
      'rolebinding',
      'robot',
      '--clusterrole=view',
      '--serviceaccount=default:robot',
    ]);
    await waitUntil('RBAC has noticed', async () => (await api.kubectl(get)).code === 0);
  });

  test('asks an admission webhook on loopback and logs what it says', async () => {
    const { server, url, caPem } = await startWebhook();
    const webhook = {
      name: 'seen.example.org',
      clientConfig: { url, caBundle: Buffer.from(caPem).toString('base64') },
      rules: [
        { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['secrets'] },
      ],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    };
    const input = JSON.stringify({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'seen' },
      webhooks: [webhook],
    });
    try {
      expect(await api.kubectl(['create', '-f', '-'], { input })).toMatchObject({ code: 0 });
      const create = ['create', 'secret', 'generic', 's', '--dry-run=server'];
      await waitUntil('the webhook is in force', async () =>
        (await api.kubectl(create)).stderr.includes('Warning: seen'),
      );
      expect(await readFile(api.auditLog, 'utf8')).toContain('"seen.example.org/seen":"yes"');
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
