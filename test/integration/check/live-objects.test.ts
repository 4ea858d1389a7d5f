/** svidecar explain kind/name, from a kubeconfig to what is asked of the API server and what is said of its answers. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import { FakeApiServer, refuse } from '../../fakes/api-server.ts';
import { runSvidecar, type CliResult } from '../../fakes/fake-terminal.ts';

let api: FakeApiServer;
let url: string;
let folder: string;

const shop = join(import.meta.dirname, '../fixtures/shop.yaml');

beforeEach(async () => {
  api = new FakeApiServer();
  url = await api.start();
  folder = mkdtempSync(join(tmpdir(), 'svidecar-live-'));
  for (const document of parseAllDocuments(readFileSync(shop, 'utf8'))) {
    const object = document.toJS() as unknown;
    if (!isObject(object)) continue;
    const metadata = { ...objectAt(object, 'metadata'), namespace: 'shop' };
    api.put(stringAt(object, 'kind') ?? '', { ...object, metadata });
  }
  label({ 'svidecar.dev/injection': 'enabled' });
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await api.stop();
});

function label(labels: Readonly<Record<string, string>>): void {
  api.put('Namespace', { metadata: { name: 'shop', labels } });
}

/** A file with two contexts: that of `shop`, and one of a server that is not there. */
function kubeconfig(user: object = { token: 'a-token' }): string {
  const path = join(folder, 'kubeconfig');
  const cluster = { server: url, 'insecure-skip-tls-verify': true };
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'shop',
    clusters: [
      { name: 'fake', cluster },
      { name: 'away', cluster: { server: 'http://127.0.0.1:1', 'insecure-skip-tls-verify': true } },
    ],
    contexts: [
      { name: 'shop', context: { cluster: 'fake', user: 'me', namespace: 'shop' } },
      { name: 'away', context: { cluster: 'away', user: 'me' } },
    ],
    users: [{ name: 'me', user }],
  });
  writeFileSync(path, text);
  return path;
}

function explain(...words: readonly string[]): Promise<CliResult> {
  return runSvidecar(['explain', '--kubeconfig', kubeconfig(), ...words]);
}

describe('svidecar explain of a live object', () => {
  test.each([
    'deployment',
    'deployments',
    'deploy',
    'Deployment',
    'deployments.apps',
    'deployment.v1.apps',
  ])('takes %s as a kind, and the namespace from the context', async (kind) => {
    const { code, out, err } = await explain(`${kind}/frontend`);
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('Deployment shop/frontend will be injected');
    expect(out).not.toContain('envoy_config_awaited');
    expect(out).not.toContain('kubectl label');
  });

  test('only reads', async () => {
    await explain('deployment/frontend');
    expect(new Set(api.seen.map(({ method }) => method))).toEqual(new Set(['GET']));
    expect(new Set(api.seen.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer a-token']),
    );
  });

  test('asks the log-in plug-in of the kubeconfig for a token', async () => {
    const plugin = join(folder, 'log-in');
    const status = { token: 'from-the-plug-in' };
    const answer = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status,
    };
    writeFileSync(plugin, `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`);
    chmodSync(plugin, 0o755);
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: plugin,
      interactiveMode: 'Never',
    };
    const line = ['explain', '--kubeconfig', kubeconfig({ exec }), 'deployment/frontend'];
    const { code, err } = await runSvidecar(line);
    expect([code, err]).toEqual([0, '']);
    expect(new Set(api.seen.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer from-the-plug-in']),
    );
  });

  test('says at once that the namespace has no label, or another one', async () => {
    label({});
    const { out } = await explain('deployment/frontend');
    expect(out).toMatch(
      /^Deployment shop\/frontend is not changed: its namespace lacks the label .*\n *! namespace_not_labelled +namespace shop has no label svidecar.dev\/injection: enabled/,
    );
    expect(out).not.toContain('will be injected');
    label({ 'svidecar.dev/injection': 'disabled' });
    expect((await explain('deployment/frontend')).out).toContain(
      'namespace shop has the label svidecar.dev/injection: disabled, not "enabled" or "pod"',
    );
  });

  test('tells programs as well that the webhook does not see the object', async () => {
    const told = async (): Promise<unknown> => {
      const { out } = await explain('deployment/frontend', '-o', 'json');
      return JSON.parse(out) as unknown;
    };
    label({});
    expect(await told()).toMatchObject([
      {
        decision: 'skipped',
        reason: 'namespace_not_labelled',
        steps: expect.arrayContaining([expect.objectContaining({ id: 'injected' })]) as unknown,
      },
    ]);
    label({ 'svidecar.dev/injection': 'enabled' });
    expect(await told()).toMatchObject([{ decision: 'injected' }]);
  });

  test('of a namespace for pods alone says that the pods are injected', async () => {
    label({ 'svidecar.dev/injection': 'pod' });
    const { out } = await explain('deployment/frontend');
    expect(out).toContain('Deployment shop/frontend stays as it is; its pods will be injected');
  });

  test('goes without what may not be read of the namespace, and says so', async () => {
    api.intercept = ({ path }, response) => {
      if (path !== '/api/v1/namespaces/shop') return false;
      refuse(response, 403, 'Forbidden');
      return true;
    };
    const { code, out } = await explain('deployment/frontend');
    expect(code).toBe(0);
    expect(out).toContain(
      'whether the webhook sees namespace shop is not known: not allowed to get namespaces',
    );
  });

  test('knows the kinds of the cluster although one of its groups does not answer', async () => {
    api.intercept = ({ path }, response) => {
      if (path !== '/apis/apps/v1') return false;
      refuse(response, 503, 'ServiceUnavailable');
      return true;
    };
    expect((await explain('job/absent')).err).toContain('Job "absent" not found');
  });
});

describe('svidecar explain ends with code 3 and says why', () => {
  const refusing = (part: string, status: number, reason: string): void => {
    api.intercept = ({ path }, response) => {
      if (!path.includes(part)) return false;
      refuse(response, status, reason);
      return true;
    };
  };

  test.each([
    [
      'an object that is not there',
      'deployment/absent',
      'Deployment "absent" not found in namespace shop: if it is in another one, give that with -n [OBJECT_NOT_FOUND]',
    ],
    [
      'one that is not in the namespace that was given',
      'deployment/frontend -n plain',
      'Deployment "frontend" not found in namespace plain [OBJECT_NOT_FOUND]',
    ],
    [
      'a kind, or a folder, that is not there',
      'rollout/web',
      'rollout/web: there is no such file or folder here, and the cluster has no kind "rollout" [OBJECT_NOT_FOUND]',
    ],
    [
      'a server that is not there',
      'pod/x --context away',
      'http://127.0.0.1:1: GET /version failed: connect ECONNREFUSED 127.0.0.1:1; check that the cluster runs, that network, VPN and proxy lead there, and that the context is the right one (--context) [CLUSTER_UNREACHABLE]',
    ],
    [
      'a context that is not there',
      'pod/x --context none',
      'the kubeconfig cannot be used: it has no context "none", only "shop", "away" [CLUSTER_UNREACHABLE]',
    ],
  ])('%s', async (_, words, told) => {
    const { code, out, err } = await explain(...words.split(' '));
    expect([code, out]).toEqual([3, '']);
    expect(err).toBe(`${told}\n`);
  });

  test.each([
    ['/version', 401, 'the API server does not accept your credentials'],
    ['/deployments/', 403, 'not allowed to get deployments.apps: this needs the verb "get" on it'],
    ['/configmaps/', 403, 'not allowed to get configmaps: this needs the verb "get" on it'],
    ['/apis', 403, 'cannot read which kinds the cluster has'],
  ])('a refusal of %s with %i', async (part, status, told) => {
    refusing(part, status, 'Refused');
    const { code, err } = await explain('deployment/frontend');
    expect([code, err]).toEqual([3, expect.stringContaining(told)]);
    expect(err.includes('[CLUSTER_FORBIDDEN]')).toBe(status === 403);
  });

  test.each([['explain', 'pod/x'], ['check']])('no kubeconfig at all: %s', async (...words) => {
    const { HOME, KUBECONFIG } = process.env;
    process.env['HOME'] = folder;
    delete process.env['KUBECONFIG'];
    try {
      const { code, err } = await runSvidecar(words);
      expect([code, err]).toEqual([
        3,
        expect.stringContaining('log in to a cluster, set KUBECONFIG, or give --kubeconfig FILE'),
      ]);
    } finally {
      process.env['HOME'] = HOME;
      if (KUBECONFIG !== undefined) process.env['KUBECONFIG'] = KUBECONFIG;
    }
  });
});
