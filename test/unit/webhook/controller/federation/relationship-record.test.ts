import { expect, test } from 'vitest';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { leaseRecord } from '../../../../../webhook/controller/federation/relationship-record.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../../webhook/kube/kubernetes-api.ts';

const { signal } = new AbortController();
const key = 'svidecar.dev/federation-relationships';
const recorded = new Map([['b.test', { bundle: 'digest', hadBundle: true }]]);

/** One Lease; the first `conflicts` writes come too late. */
function leases(
  annotations: JsonObject | undefined,
  conflicts = 0,
): { readonly api: KubernetesApi; readonly lease: () => JsonObject | undefined } {
  const spec = { holderIdentity: 'replica-1' };
  let lease: JsonObject | undefined =
    annotations === undefined ? undefined : { metadata: { name: 'lease', annotations }, spec };
  let left = conflicts;
  const refuse = (status: number): Promise<never> =>
    Promise.reject(new ApiRefusal(status, 'Refused', { message: 'refused' }));
  const never = (): Promise<never> => refuse(405);
  return {
    lease: () => lease,
    api: {
      get: () => (lease === undefined ? refuse(404) : Promise.resolve(lease)),
      replace: (_path, object) => {
        if (left-- > 0) return refuse(409);
        lease = object;
        return Promise.resolve(object);
      },
      apply: never,
      create: never,
      merge: never,
      remove: never,
      watch: never,
    },
  };
}

test('what is written is read again, beside what others say in annotations, and the holder stays', async () => {
  const { api, lease } = leases({ theirs: 'x' }, 2);
  const record = leaseRecord(api, '/lease');
  await record.write(recorded, signal);
  expect(await record.read(signal)).toEqual(recorded);
  expect(lease()).toMatchObject({
    metadata: { name: 'lease', annotations: { theirs: 'x' } },
    spec: { holderIdentity: 'replica-1' },
  });
  await record.write(new Map(), signal);
  expect(objectAt(lease(), 'metadata')).toEqual({ name: 'lease', annotations: { theirs: 'x' } });
});

test('a Lease that others write all the time, or that is gone, is a failure: nothing is made unrecorded', async () => {
  await expect(leaseRecord(leases({}, 3).api, '').write(recorded, signal)).rejects.toMatchObject({
    status: 409,
  });
  await expect(leaseRecord(leases(undefined).api, '').write(recorded, signal)).rejects.toThrow();
});

test.each([
  ['there is no Lease', undefined],
  ['there is no annotation', {}],
  ['the annotation is no JSON', { [key]: '{' }],
  ['the annotation is another thing', { [key]: '[1]' }],
  ['a domain has no object', { [key]: '{"b.test": 1}' }],
])('nothing is ours where %s', async (_what, annotations) => {
  expect(await leaseRecord(leases(annotations).api, '').read(signal)).toEqual(new Map());
});
