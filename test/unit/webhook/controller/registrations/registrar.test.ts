/** Of several installations in a cluster only the default seeks the Lease of whoever writes to SPIRE. */
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import {
  Registrar,
  type RegisteredCluster,
} from '../../../../../webhook/controller/registrations/registrar.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../../webhook/kube/kubernetes-api.ts';
import { checkConfig } from '../../../../../webhook/request/injector-config.ts';
import { FakeSpire } from '../../../../fakes/fake-spire.ts';
import { SilentLog } from '../../../../fakes/silent-log.ts';

/** Milliseconds in which a Lease that is sought has been made for. */
const soonMs = 50;
const wishingNothing: RegisteredCluster = {
  wishes: {
    namespaces: () => [],
    groups: () => [],
    standing: () => 'acts',
    isCurrent: () => true,
  },
  onWish: () => undefined,
  revise: () => undefined,
  synced: () => Promise.resolve(),
};

function refused(): Promise<never> {
  return Promise.reject(new ApiRefusal(404, 'NotFound', { message: 'there is none' }));
}

function unused(): Promise<never> {
  return Promise.reject(new Error('not in this test'));
}

test('another revision waits until it is the default, and one that is it no more lets the Lease go', async () => {
  const made: string[] = [];
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
  const ended = registrar.start(wishingNothing, stop.signal);
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
  return valueIn(registrar, 'svidecar_spire_leader');
}

function valueIn(registrar: Registrar, wanted: string): number | undefined {
  return registrar.metrics().find(({ name }) => name === wanted)?.samples[0]?.value;
}

/** The Lease alone. */
function leaseApi(): KubernetesApi {
  let lease: JsonObject | undefined;
  const store = (_path: string, object: JsonObject): Promise<JsonObject> =>
    Promise.resolve((lease = object));
  const get = (): Promise<JsonObject> => (lease === undefined ? refused() : Promise.resolve(lease));
  const others = { apply: unused, merge: unused, remove: unused, watch: unused };
  return { get, create: store, replace: store, ...others };
}

const federation = [
  { trustDomain: 'b.test', bundleEndpoint: 'https://b.test', profile: 'https_web' },
];
const retries = { firstRetryMs: 5, lastRetryMs: 10 };

test.each(['none', 'entries'])(
  'with registration: %s the last success is also one of the federation relationships',
  async (registration) => {
    const spire = new FakeSpire();
    let isAnswered = false;
    const away = new AppError('SPIRE_UNREACHABLE', 'nobody answers');
    const listRelationships = (): Promise<never[]> =>
      isAnswered ? Promise.resolve([]) : Promise.reject(away);
    const registrar = new Registrar({
      api: leaseApi(),
      namespace: 'svidecar',
      identity: 'svidecar-1',
      config: () => checkConfig({ registration, federation }, 'config.yaml'),
      isDefault: () => true,
      ignoredNamespaces: () => new Set(),
      open: () => Promise.resolve({ ...spire.api, listRelationships }),
      clock: { now: () => Date.now() },
      log: new SilentLog(),
      limits: { idleMs: 5, gatherMs: 1, unreachable: retries, failed: retries },
    });
    const stop = new AbortController();
    const ended = registrar.start(wishingNothing, stop.signal);
    const lastSuccess = (): number | undefined =>
      valueIn(registrar, 'svidecar_spire_last_success_timestamp_seconds');
    await vi.waitFor(() => {
      expect(leaderIn(registrar)).toBe(1);
    });
    await wait(soonMs);
    expect([spire.counts.list > 0, lastSuccess()]).toEqual([registration === 'entries', 0]);
    isAnswered = true;
    await vi.waitFor(() => {
      expect(lastSuccess()).toBeGreaterThan(0);
    });
    stop.abort();
    await ended;
  },
);
