/** Secret and webhook configurations against a real API server: two writers, and what others wrote in them. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { startApiServer, type ApiServer } from '../harness/api-server.ts';
import { describeWithComponents } from '../harness/components.ts';
import { waitUntil } from '../harness/processes.ts';
import { connect } from '../../../webhook/kube/connection.ts';
import { FollowedHookConfigurations } from '../../../webhook/kube/hook-configurations.ts';
import { defaultClusterLimits } from '../../../webhook/controller/cluster-limits.ts';
import { SecretKeys } from '../../../webhook/kube/secret-keys.ts';

const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];
const secretPath = '/api/v1/namespaces/svidecar/secrets/svidecar-tls';
const hooksPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const data = { 'tls.crt': 'a', 'tls.key': 'b' };

describeWithComponents(programs, 'two writers of the same object', () => {
  let api: ApiServer;
  const end = new AbortController();
  let one: SecretKeys;
  let two: SecretKeys;
  let hooks: FollowedHookConfigurations;

  beforeAll(async () => {
    api = await startApiServer();
    await api.kubectl(['apply', '-k', 'manifests/kustomize/base']);
    const path = await api.kubeconfigFor('system:serviceaccount:svidecar:svidecar', [
      'system:authenticated',
    ]);
    const options = {
      api: await connect({ kind: 'kubeconfig', path }),
      clock: { now: (): number => Date.now() },
      log: new SilentLog(),
      limits: defaultClusterLimits,
      random: Math.random,
    };
    const secret = { namespace: 'svidecar', name: 'svidecar-tls' };
    [one, two] = [new SecretKeys(secret, options), new SecretKeys(secret, options)];
    hooks = new FollowedHookConfigurations(
      {
        namespace: 'svidecar',
        name: 'svidecar',
        label: { key: 'svidecar.dev/revision', value: '' },
        byDefault: { name: 'svidecar-default', isUsual: true },
      },
      options,
    );
    for (const each of [one, two, hooks]) each.start(end.signal);
    const isListed = (): boolean => [one, two, hooks].every((each) => each.current() !== undefined);
    await waitUntil('all is listed', () => Promise.resolve(isListed()));
  });
  afterAll(async () => {
    end.abort();
    await api.stop();
  });

  const version = (keys: SecretKeys): string | undefined => {
    const current = keys.current();
    return typeof current === 'object' ? current.version : current;
  };
  const bothSee = (): Promise<void> =>
    waitUntil('both see the same', () => Promise.resolve(version(one) === version(two)));

  test('of two that make the Secret at once, one does', async () => {
    const outcomes = await Promise.all([one.write(data, 'absent'), two.write(data, 'absent')]);
    expect(outcomes.toSorted()).toEqual(['conflict', 'written']);
    await bothSee();
  });

  test('of two that change it at once, one does, and what others put beside it stays', async () => {
    const metadata = { annotations: { 'example.org/owner': 'platform' } };
    await api.request('PATCH', secretPath, { metadata });
    await waitUntil('both have seen it', () =>
      Promise.resolve(
        [one, two].every((each) => JSON.stringify(each.current()).includes('example.org/owner')),
      ),
    );
    const mine = one.current();
    const theirs = two.current();
    if (typeof mine !== 'object' || typeof theirs !== 'object') throw new TypeError('no Secret');
    const outcomes = await Promise.all([
      one.write({ ...data, 'ca.crt': 'one' }, mine),
      two.write({ ...data, 'ca.crt': 'two' }, theirs),
    ]);
    expect(outcomes.toSorted()).toEqual(['conflict', 'written']);
    const winner = outcomes[0] === 'written' ? 'one' : 'two';
    const { body } = await api.request('GET', secretPath);
    expect(body).toMatchObject({
      type: 'kubernetes.io/tls',
      metadata,
      data: { 'ca.crt': Buffer.from(winner).toString('base64') },
    });
    await bothSee();
  });

  test('one that comes back to a Secret that is gone makes no other', async () => {
    const before = one.current();
    if (typeof before !== 'object') throw new TypeError('no Secret');
    await api.request('DELETE', secretPath);
    expect(await one.write(data, before)).toBe('conflict');
    await waitUntil('it is seen to be gone', () => Promise.resolve(one.current() === 'absent'));
  });

  test('a caBundle is set by a change of that field alone, and not over the change of somebody else', async () => {
    const [stale] = (hooks.current() ?? []).filter(({ name }) => name === 'svidecar-pods');
    if (stale === undefined) throw new TypeError('no configuration');
    const path = `${hooksPath}/svidecar-pods`;
    const before = await api.request('GET', path);
    const pem = (await api.request('GET', '/api/v1/namespaces/default/configmaps/kube-root-ca.crt'))
      .body;
    const caBundle = stringAt(objectAt(isObject(pem) ? pem : {}, 'data'), 'ca.crt') ?? '';
    const bundles = new Map([['pods.svidecar.dev', caBundle]]);
    expect(await hooks.writeBundles(stale, bundles)).toBe('written');
    const after = await api.request('GET', path);
    const webhooks = (answer: { body: unknown }): readonly JsonObject[] =>
      listAt(isObject(answer.body) ? answer.body : {}, 'webhooks').filter(isObject);
    const expected = webhooks(before).map((each) =>
      each['name'] === 'pods.svidecar.dev'
        ? {
            ...each,
            clientConfig: {
              ...objectAt(each, 'clientConfig'),
              caBundle: Buffer.from(caBundle).toString('base64'),
            },
          }
        : each,
    );
    expect(webhooks(after)).toEqual(expected);
    expect(await hooks.writeBundles(stale, new Map([['pods.svidecar.dev', '']]))).toBe('conflict');
  });

  test('hooks of another installation, with our label and another Service, are not ours', async () => {
    const { body } = await api.request('GET', `${hooksPath}/svidecar-workloads`);
    const [webhook] = listAt(isObject(body) ? body : {}, 'webhooks').filter(isObject);
    const service = { name: 'svidecar', namespace: 'elsewhere', path: '/mutate' };
    const { status } = await api.request('POST', hooksPath, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'elsewhere', labels: { 'app.kubernetes.io/name': 'svidecar' } },
      webhooks: [{ ...webhook, clientConfig: { service } }],
    });
    expect(status).toBe(201);
    await wait(500);
    const names = (hooks.current() ?? []).map(({ name }) => name);
    expect(names.toSorted()).toEqual(['svidecar-pods', 'svidecar-workloads']);
  });
});
