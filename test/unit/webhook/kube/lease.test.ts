import { beforeEach, describe, expect, test } from 'vitest';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ManualTimers } from '../../../fakes/manual-timers.ts';
import { SilentLog } from '../../../fakes/silent-log.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../webhook/kube/kubernetes-api.ts';
import { Lease } from '../../../../webhook/kube/lease.ts';

const times = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };

/** One Lease, as the API server keeps it. */
class FakeLeases implements KubernetesApi {
  lease: JsonObject | undefined;
  fault: Error | undefined;
  #version = 0;

  get(): Promise<JsonObject> {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    if (this.lease === undefined) return Promise.reject(refusal(404));
    return Promise.resolve(this.lease);
  }

  create(_path: string, object: JsonObject): Promise<JsonObject> {
    return this.lease === undefined ? this.#keep(object) : Promise.reject(refusal(409));
  }

  replace(_path: string, object: JsonObject): Promise<JsonObject> {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    const version = (lease: JsonObject | undefined): unknown =>
      objectAt(lease, 'metadata')['resourceVersion'];
    return version(object) === version(this.lease)
      ? this.#keep(object)
      : Promise.reject(refusal(409));
  }

  apply(): Promise<JsonObject> {
    return Promise.reject(refusal(405));
  }

  merge(): Promise<JsonObject> {
    return Promise.reject(refusal(405));
  }

  remove(): Promise<void> {
    return Promise.reject(refusal(405));
  }

  watch(): Promise<void> {
    return Promise.reject(refusal(405));
  }

  #keep(object: JsonObject): Promise<JsonObject> {
    this.#version += 1;
    const metadata = { ...objectAt(object, 'metadata'), resourceVersion: String(this.#version) };
    this.lease = { ...object, metadata };
    return Promise.resolve(this.lease);
  }
}

function refusal(status: number): ApiRefusal {
  return new ApiRefusal(status, '', { message: `HTTP status ${status}` });
}

let api: FakeLeases;
let timers: ManualTimers;
const signal = new AbortController().signal;

beforeEach(() => {
  api = new FakeLeases();
  timers = new ManualTimers();
});

function candidate(identity: string): Lease {
  return new Lease({
    api,
    namespace: 'svidecar',
    name: 'svidecar',
    identity,
    times,
    clock: timers,
    log: new SilentLog(),
    random: () => 0,
  });
}

/** Each candidate looks every two seconds, until so many milliseconds have passed. */
async function pass(ms: number, ...candidates: readonly Lease[]): Promise<void> {
  for (let left = ms; left > 0; left -= times.retryMs) {
    timers.jump(Math.min(left, times.retryMs));
    for (const each of candidates) await each.look(signal);
  }
}

const holder = (): string | undefined => stringAt(objectAt(api.lease, 'spec'), 'holderIdentity');

test('the first to come leads, and goes on leading', async () => {
  const one = candidate('one');
  const two = candidate('two');
  await Promise.all([one.look(signal), two.look(signal)]);
  await pass(60_000, one, two);
  expect([one.isLeader(), two.isLeader(), holder()]).toEqual([true, false, 'one']);
});

test('another takes over once the Lease was seen not to change for its duration, and not sooner', async () => {
  const one = candidate('one');
  const two = candidate('two');
  await one.look(signal);
  await two.look(signal);
  await pass(14_000, two);
  expect([two.isLeader(), holder()]).toEqual([false, 'one']);
  await pass(2_000, two);
  expect([one.isLeader(), two.isLeader(), holder()]).toEqual([false, true, 'two']);
  expect(objectAt(api.lease, 'spec')['leaseTransitions']).toBe(2);
});

test('whoever stops in order lets go, and another leads at its next look', async () => {
  const one = candidate('one');
  const two = candidate('two');
  await one.look(signal);
  await two.look(signal);
  await one.release();
  expect([holder(), one.isLeader()]).toEqual(['', false]);
  await two.look(signal);
  expect([holder(), two.isLeader()]).toEqual(['two', true]);
});

test('whoever does not lead lets go of nothing', async () => {
  const one = candidate('one');
  const two = candidate('two');
  await one.look(signal);
  await two.look(signal);
  await two.release();
  expect(holder()).toBe('one');
});

describe('whoever leads stops by itself', () => {
  test('when it cannot renew in time, before another may take over', async () => {
    const one = candidate('one');
    await one.look(signal);
    api.fault = new Error('the API server is away');
    await pass(times.renewDeadlineMs - 1, one);
    expect(one.isLeader()).toBe(true);
    timers.jump(1);
    expect(one.isLeader()).toBe(false);
    api.fault = undefined;
    await one.look(signal);
    expect(one.isLeader()).toBe(true);
  });

  test.each([
    ['slept', times.renewDeadlineMs],
    ['had its clock set back', -60_000],
  ])('when its machine %s, until it has renewed', async (_name, ms) => {
    const one = candidate('one');
    await one.look(signal);
    timers.jump(ms);
    expect(one.isLeader()).toBe(false);
    await one.look(signal);
    expect(one.isLeader()).toBe(true);
  });

  test('when somebody else took the Lease', async () => {
    const one = candidate('one');
    await one.look(signal);
    const taken = { ...objectAt(api.lease, 'spec'), holderIdentity: 'two' };
    api.lease = { ...api.lease, metadata: { resourceVersion: '99' }, spec: taken };
    await one.look(signal);
    expect(one.isLeader()).toBe(false);
  });
});

test('tells when it begins and ends to lead', async () => {
  const one = candidate('one');
  const told: boolean[] = [];
  one.onChange(() => told.push(one.isLeader()));
  await one.look(signal);
  api.fault = new Error('the API server is away');
  await pass(14_000, one);
  expect(told).toEqual([true, false]);
});
