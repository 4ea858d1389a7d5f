/** Of several installations in a cluster only the default seeks the Lease of whoever writes to SPIRE. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Registrar } from '../../../../../webhook/controller/registrations/registrar.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../../webhook/kube/kubernetes-api.ts';
import { checkConfig } from '../../../../../webhook/request/injector-config.ts';
import { FakeSpire } from '../../../../fakes/fake-spire.ts';
import { SilentLog } from '../../../../fakes/silent-log.ts';

/** Milliseconds in which a Lease that is sought has been made for. */
const soonMs = 50;

function refused(): Promise<never> {
  return Promise.reject(new ApiRefusal(404, 'NotFound', { message: 'there is none' }));
}

test('another revision waits until it is the default, and one that is it no more lets the Lease go', async () => {
  const made: string[] = [];
  const unused = (): Promise<never> => Promise.reject(new Error('not in this test'));
  const api: KubernetesApi = {
    // Also read for the record of relationships, which tells whether there is anything to do.
    get: refused,
    create: (path, object) => {
      made.push(path);
      return Promise.resolve(object);
    },
    apply: unused,
    replace: (_path, object) => Promise.resolve(object),
    merge: unused,
    remove: unused,
    watch: unused,
  };
  let isDefault = false;
  const registrar = new Registrar({
    api,
    namespace: 'svidecar',
    identity: 'svidecar-canary-1',
    config: () => checkConfig({ registration: 'entries' }, 'config.yaml'),
    isDefault: () => isDefault,
    ignoredNamespaces: () => new Set(),
    open: () => Promise.resolve(new FakeSpire().api),
    clock: { now: () => Date.now() },
    log: new SilentLog(),
  });
  const stop = new AbortController();
  const ended = registrar.start(
    {
      wishes: {
        namespaces: () => [],
        groups: () => [],
        standing: () => 'acts',
        isCurrent: () => true,
      },
      onWish: () => undefined,
      revise: () => undefined,
      synced: () => Promise.resolve(),
    },
    stop.signal,
  );
  await wait(soonMs);
  expect([leasesIn(made), leaderIn(registrar)]).toEqual([0, 0]);
  isDefault = true;
  registrar.configurationChanged();
  await wait(soonMs);
  expect(leasesIn(made)).toBeGreaterThan(0);
  expect(leaderIn(registrar)).toBe(1);
  isDefault = false;
  registrar.configurationChanged();
  expect(leaderIn(registrar)).toBe(0);
  stop.abort();
  await ended;
});

function leasesIn(made: readonly string[]): number {
  return made.filter((path) => path.includes('/leases')).length;
}

function leaderIn(registrar: Registrar): number | undefined {
  const family = registrar.metrics().find(({ name }) => name.endsWith('_leader'));
  return family?.samples[0]?.value;
}
