/** SPIRE as manifests/spire installs it: who gets an SVID, by which socket, and by which kind of registration. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type JsonObject } from '#kernel/json.ts';
import { runCommand } from '../integration/harness/processes.ts';
import { describeOnCluster, repository } from './harness/cluster.ts';
import { apply, createNamespace, waitForPods } from './harness/pods.ts';

/** A new entry reaches the agent within its synchronisation interval of 5 s. */
const entryMs = 30_000;
const socketFolder = '/spiffe-workload-api';

const volumes = {
  csi: { name: 'socket', csi: { driver: 'csi.spiffe.io', readOnly: true } },
  hostPath: {
    name: 'socket',
    hostPath: { path: '/run/spire/agent-sockets', type: 'Directory' },
  },
} as const;

/** A pod with two containers that can both ask the Workload API: of them only the helper's name is registered. */
function workload(
  namespace: string,
  name: string,
  options: {
    readonly volume: JsonObject;
    readonly labels?: Readonly<Record<string, string>>;
    readonly account?: string;
  },
): JsonObject {
  const container = (of: string): JsonObject => ({
    name: of,
    image: 'ghcr.io/spiffe/spire-agent:1.15.3',
    imagePullPolicy: 'Never',
    // It stays, and its answers are in the log of the container.
    command: [
      '/opt/spire/bin/spire-agent',
      'api',
      'watch',
      '-socketPath',
      `${socketFolder}/spire-agent.sock`,
    ],
    volumeMounts: [{ name: 'socket', mountPath: socketFolder, readOnly: true }],
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: name, ...options.labels } },
    spec: {
      terminationGracePeriodSeconds: 0,
      serviceAccountName: options.account ?? 'default',
      containers: [container('auth-helper'), container('app')],
      volumes: [options.volume],
    },
  };
}

/** What `svidecar render entries` prints for the demo's frontend in another namespace, federating with other.org. */
async function rendered(namespace: string, flags: readonly string[]): Promise<string> {
  const manifest = await readFile(join(repository, 'manifests/demo/frontend.yaml'), 'utf8');
  const render = ['render', 'entries', '-', ...flags];
  const { code, stdout, stderr } = await runCommand(join(repository, 'scripts/svidecar'), render, {
    input: manifest
      .replaceAll(/namespace: demo$/gm, `namespace: ${namespace}`)
      .replace(/^( +)inject\.svidecar\.dev/m, '$1spiffe.io/federatesWith: other.org\n$&'),
  });
  expect(code, stderr).toBe(0);
  return stdout;
}

const injected = { 'svidecar.dev/injected': 'true' };

describeOnCluster('SPIRE in the cluster', (cluster) => {
  let namespace: string;

  /** The subject of a JWT-SVID that the container gets, or what the agent says instead. */
  const subject = async (pod: string, container: string): Promise<string> => {
    const { stdout, stderr } = await cluster.run([
      'kubectl',
      'exec',
      '--namespace',
      namespace,
      pod,
      '--container',
      container,
      '--',
      '/opt/spire/bin/spire-agent',
      'api',
      'fetch',
      'jwt',
      '-audience',
      'test',
      '-socketPath',
      `${socketFolder}/spire-agent.sock`,
    ]);
    const payload = /^\s+[\w-]+\.([\w-]+)\.[\w-]+$/m.exec(stdout)?.[1];
    if (payload === undefined) return stderr;
    // A token as RFC 7519 shapes it.
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string };
    return claims.sub;
  };
  const server = (args: readonly string[], input?: string): Promise<string> =>
    cluster.kubectl(
      [
        'exec',
        '--stdin',
        '--namespace',
        'spire',
        'spire-server-0',
        '--container',
        'spire-server',
        '--',
        '/opt/spire/bin/spire-server',
        ...args,
      ],
      input,
    );
  const identity = (): string => `spiffe://example.org/ns/${namespace}/sa/default`;

  beforeAll(async () => {
    namespace = await createNamespace(cluster, 'svids');
    await apply(cluster, [
      workload(namespace, 'by-csi', { volume: volumes.csi, labels: injected }),
      workload(namespace, 'by-host-path', { volume: volumes.hostPath, labels: injected }),
      workload(namespace, 'not-injected', { volume: volumes.csi }),
    ]);
    await waitForPods(cluster, namespace);
    // A bundle of other.org, without which no entry can federate with it; ours serves as well as any.
    const bundle = await server(['bundle', 'show', '-format', 'spiffe']);
    await server(['bundle', 'set', '-format', 'spiffe', '-id', 'spiffe://other.org'], bundle);
  }, 120_000);
  afterAll(async () => {
    // What another file asks SPIRE for is that file's own.
    const id = `spiffe://example.org/ns/${namespace}/sa/frontend`;
    const made = await server(['entry', 'show', '-spiffeID', id]);
    for (const [, entry = ''] of made.matchAll(/^Entry ID +: (\S+)$/gm))
      await server(['entry', 'delete', '-entryID', entry]);
    await server(['bundle', 'delete', '-id', 'spiffe://other.org', '-mode', 'dissociate']);
    await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  });

  test.each(['by-csi', 'by-host-path'])(
    'an injected pod gets its JWT-SVID by the socket: %s',
    async (pod) => {
      await expect
        .poll(() => subject(pod, 'auth-helper'), { timeout: entryMs, interval: 500 })
        .toBe(identity());
      // The same pod, the same socket, another container.
      expect(await subject(pod, 'app')).toContain('no identity issued');
    },
    entryMs + 10_000,
  );

  test('a pod without the label of svidecar has no entry, and gets nothing', async () => {
    const uid = await cluster.kubectl([
      'get',
      'pod',
      'not-injected',
      '--namespace',
      namespace,
      '--output',
      'jsonpath={.metadata.uid}',
    ]);
    expect(await server(['entry', 'show'])).not.toContain(uid);
    expect(await subject('not-injected', 'auth-helper')).toContain('no identity issued');
  });

  test(
    'an entry ends with its pod',
    async () => {
      const name = 'short-lived';
      await apply(cluster, [workload(namespace, name, { volume: volumes.csi, labels: injected })]);
      const uid = await cluster.kubectl([
        'get',
        'pod',
        name,
        '--namespace',
        namespace,
        '--output',
        'jsonpath={.metadata.uid}',
      ]);
      const entries = (): Promise<string> => server(['entry', 'show']);
      await expect.poll(entries, { timeout: entryMs, interval: 500 }).toContain(uid);
      await cluster.kubectl(['delete', 'pod', name, '--namespace', namespace]);
      await expect.poll(entries, { timeout: entryMs, interval: 500 }).not.toContain(uid);
    },
    3 * entryMs,
  );

  test(
    'the rendered commands register a workload, beside the controller manager',
    async () => {
      const account = { name: 'frontend', namespace };
      const pod = workload(namespace, 'frontend', { volume: volumes.csi, account: account.name });
      await apply(cluster, [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: account }, pod]);
      await waitForPods(cluster, namespace);
      const command = await rendered(namespace, ['--pod-label', 'app']);
      await server(
        command
          .trim()
          .split(/[\s\\]+/)
          .slice(1),
      );
      await expect
        .poll(() => subject('frontend', 'auth-helper'), { timeout: entryMs, interval: 500 })
        .toBe(`spiffe://example.org/ns/${namespace}/sa/frontend`);
      expect(await subject('frontend', 'app')).toContain('no identity issued');
    },
    4 * entryMs,
  );

  test(
    'a rendered object carries the trust domains that the workload federates with',
    async () => {
      const object = await rendered(namespace, ['--as', 'objects']);
      await cluster.kubectl(['apply', '--filename', '-'], object);
      const entry = [
        'entry',
        'show',
        '-spiffeID',
        `spiffe://example.org/ns/${namespace}/sa/frontend`,
      ];
      const ofPod = async (): Promise<boolean> => {
        const entries = (await server(entry)).split('Entry ID').slice(1);
        return entries.some(
          (each) => /k8s:pod-uid/.test(each) && /FederatesWith +: other\.org/.test(each),
        );
      };
      await expect.poll(ofPod, { timeout: entryMs, interval: 500 }).toBe(true);
      await cluster.kubectl(['delete', '--filename', '-'], object);
    },
    2 * entryMs,
  );

  test('the controller manager refuses an object that would do nothing silently', async () => {
    const broken = {
      apiVersion: 'spire.spiffe.io/v1alpha1',
      kind: 'ClusterSPIFFEID',
      metadata: { name: 'broken' },
      spec: { spiffeIDTemplate: 'spiffe://{{ .Nonsense' },
    };
    await expect(apply(cluster, [broken])).rejects.toThrow(/spiffeIDTemplate|template/);
  });

  test.each(['spire/overlays/kind', 'kustomize/overlays/kind'])(
    'the API server takes the objects of %s',
    async (overlay) => {
      const folder = join(repository, 'manifests', overlay);
      const { code, stderr } = await cluster.run([
        'kubectl',
        'apply',
        '-k',
        folder,
        '--dry-run=server',
      ]);
      // Objects in a namespace that a dry run does not make are all that may be missing.
      const faults = stderr
        .split('\n')
        .filter((line) => line !== '' && !/namespaces "\w+" not found/.test(line));
      expect(faults, `exit code ${code}`).toEqual([]);
    },
  );
});
