/** Users without rights on a real API server: what they lack is said once, and applying it is enough. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSvidecar, type CliResult } from '../../fakes/fake-terminal.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const shopWeb = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: app:1}]}
`;

describeWithComponents(programs, 'a user without rights', () => {
  let api: ApiServer;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'svidecar-rights-'));
    api = await startApiServer();
    await api.createNamespace('shop', { 'svidecar.dev/injection': 'enabled' });
    await api.createNamespace('svidecar');
    await api.createNamespace('istio-system');
    const { code } = await api.kubectl(['apply', '-n', 'shop', '-f', '-'], { input: shopWeb });
    expect(code).toBe(0);
  });
  afterAll(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });

  async function run(user: string, line: string): Promise<CliResult> {
    const kubeconfig = await api.kubeconfigFor(user);
    return runSvidecar([...line.split(' '), '--kubeconfig', kubeconfig]);
  }

  /** What is printed on standard error from the rights on; undefined where nothing is said of them. */
  function rolesIn({ err }: CliResult): string | undefined {
    const at = err.indexOf('# User "');
    return at === -1 ? undefined : err.slice(at);
  }

  /** Runs the line, and again after what it asks for was applied, until it asks for nothing. @returns each run */
  async function grantedUntilDone(user: string, line: string): Promise<readonly CliResult[]> {
    const results: CliResult[] = [];
    for (;;) {
      const result = await run(user, line);
      results.push(result);
      const input = rolesIn(result);
      if (input === undefined || results.length === 5) return results;
      const { code, stderr } = await api.kubectl(['apply', '-f', '-'], { input });
      expect(code, stderr).toBe(0);
    }
  }

  test.each([
    ['reader', 'check', 3],
    ['reader-of-shop', 'check -n shop', 3],
    ['identified', 'identities', 2],
    ['explainer', 'explain deployment/web -n shop', 2],
    ['banner', 'ban list', 2],
    ['banning', 'ban add email=jo@example.org', 2],
    ['cleaner', 'cleanup', 3],
  ])('%s gets what "%s" needs by %i runs', async (user, line, runs) => {
    const results = await grantedUntilDone(user, line);
    expect(results).toHaveLength(runs);
  });

  test('a missing right is named once, however many checks need it', async () => {
    const told = await run('nobody', 'check');
    const { code, out, err } = told;
    expect(code).toBe(3);
    expect(out).not.toContain('not allowed to list');
    expect(out.match(/could not be made/g)).toHaveLength(1);
    expect(err.match(/# User "nobody" lacks rights/g)).toHaveLength(1);
    expect(rolesIn(told)).toBe(err);
    expect(err).not.toContain('secrets');
    const quiet = await run('nobody', 'check -q');
    expect([quiet.code, quiet.err]).toEqual([3, err]);
  });

  test.each([
    'check',
    'identities',
    'explain deployment/web -n shop',
    'restart --stale',
    'restart --stale --missing --yes',
    'revision list',
    'revision default',
    'revision default canary --yes',
    'ban list',
    'ban add email=jo@example.org',
    'ban remove email=jo@example.org',
    'ban check email=jo@example.org',
    'cleanup',
  ])(
    '"%s" ends with what is missing: no mistake of ours, and no claim that all is well',
    async (line) => {
      const told = await run('nobody', line);
      expect([told.code, told.err]).toEqual([
        3,
        expect.not.stringContaining('mistake of svidecar'),
      ]);
      expect(rolesIn(told)).toContain('apiVersion: rbac.authorization.k8s.io');
      expect(told.err).not.toContain('nothing to restart\n');
    },
  );

  test.each(['check', 'identities', 'restart --stale', 'console --no-open'])(
    '"%s" of a namespace that is not there says so',
    async (line) => {
      const words = [...line.split(' '), '-n', 'shpo', '--kubeconfig', api.kubeconfig];
      const { code, out, err } = await runSvidecar(words);
      expect([code, out]).toEqual([3, '']);
      expect(err).toMatch(
        /^there is no namespace "shpo" in this cluster .*\[OBJECT_NOT_FOUND\]\n$/,
      );
    },
  );

  test('programs read each reason where it belongs', async () => {
    const { out } = await run('nobody', 'check -o json');
    expect(out).toContain('not allowed to list pods: this needs the verb \\"list\\" on it');
  });

  test('nobody who cannot see workloads is told that there are none', async () => {
    const { code, out } = await run('nobody', 'identities');
    expect([code, out]).toEqual([3, expect.not.stringContaining('no workload asks')]);
    expect(out).toContain('could be read');
  });

  test('a failure comes before the rights that mend it', async () => {
    const { code, out, err } = await run('nobody', 'explain deployment/web -n shop');
    expect([code, out]).toEqual([3, '']);
    expect(err).toMatch(/^not allowed to get deployments\.apps.* \[CLUSTER_FORBIDDEN\]\n# User/);
  });

  test('whoever has all rights is told nothing of them', async () => {
    const { err } = await runSvidecar(['check', '--kubeconfig', api.kubeconfig]);
    expect(err).toBe('');
  });

  async function withConfig(change: (text: string) => string, line: string): Promise<CliResult> {
    const path = join(folder, 'config');
    const token = `apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: '${api.url}', certificate-authority-data: '${Buffer.from(api.caPem).toString('base64')}'}}]
users: [{name: me, user: {token: SECRET}}]
`;
    await writeFile(path, change(token));
    return runSvidecar([...line.split(' '), '--kubeconfig', path]);
  }

  const lines = ['check', 'identities', 'explain deployment/web -n shop', 'ban list'];

  test.each(lines)('svidecar %s with credentials that are not accepted says so', async (line) => {
    const { code, out, err } = await withConfig((text) => text, line);
    expect([code, out]).toEqual([3, '']);
    expect(err).toMatch(/^the API server does not accept your credentials .*; log in again.*\n$/);
    expect(err).not.toContain('SECRET');
  });

  test('a certificate that the kubeconfig does not know is said, without what Node would do', async () => {
    const without = (text: string): string =>
      text.replace(/, certificate-authority-data: '.*'/, '');
    const { code, err } = await withConfig(without, 'check');
    expect(code).toBe(3);
    expect(err).toContain('its certificate is not that of the kubeconfig');
    expect(err).not.toContain('Node');
  });

  test('a server without TLS gets no credentials', async () => {
    const plain = (text: string): string => text.replace('https:', 'http:');
    const { code, err } = await withConfig(plain, 'check');
    expect([code, err]).toEqual([3, expect.stringContaining('plain http://')]);
  });
});
