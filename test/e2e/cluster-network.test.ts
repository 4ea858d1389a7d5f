/** The pod network: names, services, and no way out of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeOnCluster } from './harness/cluster.ts';
import { apply, createNamespace, waitForPods } from './harness/pods.ts';

const image = 'svidecar/busybox:local';
/** A documentation address (RFC 5737): nobody would answer, and here the packet does not even leave. */
const outside = '192.0.2.1';

describeOnCluster('the network of the local cluster', (cluster) => {
  let namespace: string;

  const inPod = async (script: string): Promise<string> =>
    cluster.kubectl([
      'exec',
      '--namespace',
      namespace,
      'server',
      '--',
      '/bin/busybox',
      'sh',
      '-c',
      script,
    ]);

  beforeAll(async () => {
    namespace = await createNamespace(cluster, 'network');
    await apply(cluster, [
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'server', namespace, labels: { app: 'web' } },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'web',
              image,
              imagePullPolicy: 'Never',
              command: ['/bin/busybox', 'sh', '-c'],
              args: ['echo hello >/tmp/index.html; exec busybox httpd -f -p 8080 -h /tmp'],
              readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
            },
          ],
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace },
        spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
      },
    ]);
    await waitForPods(cluster, namespace);
  }, 120_000);
  afterAll(() => cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']));

  test('a pod reaches a service by its names, its own pod behind it too', async () => {
    for (const name of ['web', `web.${namespace}`, `web.${namespace}.svc.cluster.local`]) {
      await expect
        .poll(() => inPod(`wget -qO- http://${name}/`), { timeout: 10_000 })
        .toBe('hello\n');
    }
  });

  test('a command of this machine reaches it too, in the network of the cluster', async () => {
    const url = `http://web.${namespace}.svc.cluster.local/`;
    const { stdout, stderr } = await cluster.inNetwork(['busybox', 'wget', '-qO-', url]);
    expect(stdout, stderr).toBe('hello\n');
  });

  test('such a command sees the files and the working folder of this machine', async () => {
    const { stdout } = await cluster.inNetwork(['sh', '-c', 'pwd; ls package.json']);
    expect(stdout).toBe(`${process.cwd()}\npackage.json\n`);
  });

  test('nothing leads out, neither from a pod nor from the node', async () => {
    await expect(inPod(`wget -qO- http://${outside}/`)).rejects.toThrow(/unreachable|No route/);
    const fromNode = await cluster.inNetwork(['ip', 'route', 'get', outside]);
    expect(fromNode.code).not.toBe(0);
    expect(fromNode.stderr).toContain('unreachable');
    const links = await cluster.inNetwork(['ip', '-output', 'link', 'show', 'type', 'veth']);
    // Every link that leads anywhere leads to a pod.
    expect(
      links.stdout.split('\n').filter((line) => line !== '' && !line.includes('link-netns')),
    ).toEqual([]);
  });

  test('names of the world outside have no answer', async () => {
    await expect(inPod('nslookup example.org 2>&1')).rejects.toThrow(
      /can't|NXDOMAIN|REFUSED|exit code/,
    );
  });
});
