/** Whose hooks an installation takes for its own, and whether it is the default, as they come and change. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultClusterLimits } from '../../../../webhook/controller/cluster-limits.ts';
import { connect } from '../../../../webhook/kube/connection.ts';
import { FollowedHookConfigurations } from '../../../../webhook/kube/hook-configurations.ts';
import { defaultConfiguration } from '../../../../webhook/request/revision-hooks.ts';
import { defaultHooksName, nameFor } from '../../../../webhook/request/revision.ts';
import { FakeApiServer } from '../../../fakes/api-server.ts';
import { hooksBy, revisionKey } from '../../../fakes/revisions.ts';
import { SilentLog } from '../../../fakes/silent-log.ts';

const kind = 'MutatingWebhookConfiguration';
let server: FakeApiServer;
let stop: AbortController;
let followed: Readonly<Record<'' | 'canary', FollowedHookConfigurations>>;

beforeEach(async () => {
  server = new FakeApiServer();
  const url = await server.start();
  stop = new AbortController();
  const api = await connect({ kind: 'explicit', url });
  const options = {
    api,
    clock: { now: (): number => Date.now() },
    log: new SilentLog(),
    limits: defaultClusterLimits,
    random: Math.random,
  };
  const of = (revision: string): FollowedHookConfigurations =>
    new FollowedHookConfigurations(
      {
        namespace: 'svidecar',
        name: nameFor('svidecar', revision),
        label: { key: revisionKey, value: revision },
        byDefault: { name: defaultHooksName, isUsual: revision === '' },
      },
      options,
    );
  followed = { '': of(''), canary: of('canary') };
  for (const object of [...hooksBy(''), ...hooksBy('canary')]) server.put(kind, object);
  for (const each of Object.values(followed)) each.start(stop.signal);
  await expect.poll(() => names('').length + names('canary').length).toBe(4);
});
afterEach(async () => {
  stop.abort();
  await server.stop();
});

function names(revision: '' | 'canary'): readonly string[] {
  return (followed[revision].current() ?? []).map(({ name }) => name).toSorted();
}

function defaults(): readonly boolean[] {
  return [followed[''].isDefault(), followed.canary.isDefault()];
}

test('each has the hooks that call its Service, and the one without a name is the default', () => {
  expect(names('')).toEqual(['svidecar-pods', 'svidecar-workloads']);
  expect(names('canary')).toEqual(['svidecar-pods-canary', 'svidecar-workloads-canary']);
  expect(defaults()).toEqual([true, false]);
});

test('the default is whoever’s Service the one object names, and that one keeps its authority', async () => {
  let told = 0;
  followed.canary.onChange(() => (told += 1));
  server.put(kind, defaultConfiguration(hooksBy('canary'), 'canary'));
  await expect.poll(defaults).toEqual([false, true]);
  expect(names('canary')).toContain(defaultHooksName);
  expect(names('')).not.toContain(defaultHooksName);
  server.put(kind, defaultConfiguration(hooksBy(''), ''));
  await expect.poll(defaults).toEqual([true, false]);
  await expect.poll(() => names('')).toContain(defaultHooksName);
  expect(names('canary')).not.toContain(defaultHooksName);
  expect(told).toBeGreaterThan(1);
});

test('a default that has lost its hooks is none: the one without a name is it again', async () => {
  const copy = defaultConfiguration(hooksBy('canary'), 'canary');
  server.put(kind, copy);
  await expect.poll(defaults).toEqual([false, true]);
  server.put(kind, { ...copy, webhooks: [] });
  await expect.poll(defaults).toEqual([true, false]);
  expect(names('canary')).not.toContain(defaultHooksName);
  server.put(kind, copy);
  await expect.poll(defaults).toEqual([false, true]);
});

test('of hooks that call an address, each has those with its label', async () => {
  const clientConfig = { url: 'https://192.0.2.1/mutate' };
  const webhooks = [{ name: 'pods.svidecar.dev', clientConfig }];
  server.put(kind, { metadata: { name: 'a' }, webhooks });
  server.put(kind, { metadata: { name: 'b', labels: { [revisionKey]: 'canary' } }, webhooks });
  await expect
    .poll(() => [names('').includes('a'), names('canary').includes('b')])
    .toEqual([true, true]);
  expect([names('').includes('b'), names('canary').includes('a')]).toEqual([false, false]);
});
