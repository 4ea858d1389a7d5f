/** A real API server that shows the webhook a client certificate, and others that show none or a wrong one. */
import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApiServer, type ApiServer } from './harness/api-server.ts';
import { createAuthority, type Authority, type Certificate } from './harness/authority.ts';
import { describeWithComponents } from './harness/components.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { installWebhook, type InstalledWebhook } from './harness/webhook.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const name = 'svidecar-webhook-caller';
const shop = await readFile(join(import.meta.dirname, 'fixtures/shop.yaml'), 'utf8');

let work: WorkFolder;
let callers: Authority;
let strangers: Authority;
let api: ApiServer;
let webhook: InstalledWebhook;

/** The two files of docs/install.md, with the webhook's address as the user's name; returns the path of the first. */
async function writeAdmissionFiles(port: number): Promise<string> {
  const { certificatePem, keyPem } = await callers.issue({ commonName: name });
  const path = (file: string): string => join(work.path, file);
  await writeFile(path('caller.crt'), certificatePem);
  await writeFile(path('caller.key'), keyPem);
  const user = {
    'client-certificate': path('caller.crt'),
    'client-key': path('caller.key'),
  };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    users: [{ name: `127.0.0.1:${port}`, user }],
  };
  await writeFile(path('webhooks.kubeconfig'), stringify(kubeconfig));
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'WebhookAdmissionConfiguration',
    kubeConfigFile: path('webhooks.kubeconfig'),
  };
  const admission = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AdmissionConfiguration',
    plugins: [{ name: 'MutatingAdmissionWebhook', configuration }],
  };
  await writeFile(path('admission.yaml'), stringify(admission));
  return path('admission.yaml');
}

function configFor(authority: Authority): string {
  return stringify({ apiServerClient: { ca: authority.caPem, names: [name] } });
}

async function post(client?: Certificate): Promise<{ code: number; text: string }> {
  const sent = request(`${webhook.url}/mutate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    ca: webhook.caPem,
    agent: false,
    ...(client === undefined ? {} : { cert: client.certificatePem, key: client.keyPem }),
  });
  return new Promise((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      const code = response.statusCode ?? 0;
      textOf(response).then((text) => {
        resolve({ code, text });
      }, reject);
    });
    sent.end('{}');
  });
}

async function apply(space: string, text: string): Promise<string> {
  await api.createNamespace(space, { 'svidecar.dev/injection': 'enabled' });
  const { stderr } = await api.kubectl(['apply', '-n', space, '-f', '-'], { input: text });
  return stderr;
}

describeWithComponents(programs, 'an API server with a client certificate', () => {
  beforeAll(async () => {
    work = await createWorkFolder('callers');
    callers = await createAuthority('callers');
    strangers = await createAuthority('strangers');
    const port = await freePort();
    const file = await writeAdmissionFiles(port);
    api = await startApiServer({ flags: [`--admission-control-config-file=${file}`] });
    webhook = await installWebhook(api, configFor(callers), port);
  });
  afterAll(async () => {
    await webhook.stop();
    await api.stop();
    await work.remove();
  });

  test('is answered', async () => {
    expect(await apply('asked', shop)).toContain('Warning: svidecar: injected jwt-inject');
  });

  test('tells in words what is wrong in a ConfigMap', async () => {
    await apply('words', shop);
    const broken = shop.replace('node: {id: frontend, cluster: shop}', 'node: *hunter2');
    await api.kubectl(['apply', '-n', 'words', '-f', '-'], { input: broken });
    const told = async (): Promise<string> => {
      const again = broken.replace('audience: backend', `audience: backend-${Date.now()}`);
      return (await api.kubectl(['apply', '-n', 'words', '-f', '-'], { input: again })).stderr;
    };
    await waitUntil('the words are told', async () => (await told()).includes('hunter2'));
  });

  test('nobody else is', async () => {
    const theirs = await strangers.issue({ commonName: name });
    const another = await callers.issue({ commonName: 'somebody' });
    expect((await post()).code).toBe(403);
    expect((await post(theirs)).code).toBe(403);
    expect((await post(another)).code).toBe(403);
    const { code } = await post(await callers.issue({ commonName: name }));
    expect(code).toBe(400);
  });

  test('is not any more when the configuration trusts another authority, and is again when it is back', async () => {
    const isRight = await callers.issue({ commonName: name });
    await writeFile(webhook.configFile, configFor(strangers));
    await waitUntil('the change is in force', async () => (await post(isRight)).code === 403);
    expect(await apply('changed', shop)).not.toContain('svidecar: injected');
    await writeFile(webhook.configFile, configFor(callers));
    await waitUntil('the change is back', async () => (await post(isRight)).code === 400);
    expect(await apply('back', shop)).toContain('Warning: svidecar: injected jwt-inject');
  });
});
