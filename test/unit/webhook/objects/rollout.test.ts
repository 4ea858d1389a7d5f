import { expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { rolloutOf } from '../../../../webhook/objects/rollout.ts';

function workload(kind: string, spec: JsonObject, status: JsonObject): JsonObject {
  return { kind, metadata: { generation: 2 }, spec, status: { observedGeneration: 2, ...status } };
}

const all = { replicas: 3, updatedReplicas: 3, availableReplicas: 3 };
const daemons = { desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 };
const onDelete = { updateStrategy: { type: 'OnDelete' } };
const partition = {
  replicas: 3,
  updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
};
const failed = {
  type: 'Progressing',
  status: 'False',
  message: 'ReplicaSet "a" has timed out progressing.',
};

test.each([
  ['a Deployment whose pods are all new and ready', workload('Deployment', { replicas: 3 }, all)],
  ['one without pods', workload('Deployment', { replicas: 0 }, {})],
  [
    'one pod where nothing is said',
    workload('Deployment', {}, { replicas: 1, updatedReplicas: 1, availableReplicas: 1 }),
  ],
  ['a DaemonSet', workload('DaemonSet', {}, daemons)],
  ['a DaemonSet of no node', workload('DaemonSet', {}, {})],
  ['a partition, of which all pods are new', workload('StatefulSet', partition, all)],
  ['OnDelete, once all pods are new', workload('DaemonSet', onDelete, daemons)],
])('done: %s', (_what, object) => {
  expect(rolloutOf(object)).toEqual({ kind: 'done' });
});

test.each([
  [
    'seen by nobody',
    { ...workload('Deployment', { replicas: 3 }, all), metadata: { generation: 3 } },
    'under_way',
    'has not seen the change',
  ],
  [
    'without a status',
    { kind: 'Deployment', metadata: { generation: 1 }, spec: {} },
    'under_way',
    'has not seen the change',
  ],
  [
    'some pods old',
    workload('Deployment', { replicas: 3 }, { ...all, updatedReplicas: 1 }),
    'under_way',
    '1 of 3 pods are made anew',
  ],
  [
    'an old pod that ends',
    workload('Deployment', { replicas: 3 }, { ...all, replicas: 4 }),
    'under_way',
    '1 old pods have not ended',
  ],
  [
    'new pods not ready',
    workload('StatefulSet', { replicas: 3 }, { ...all, availableReplicas: 2 }),
    'under_way',
    '2 of 3 pods are ready',
  ],
  [
    'a DaemonSet in between',
    workload('DaemonSet', {}, { ...daemons, updatedNumberScheduled: 1 }),
    'under_way',
    '1 of 2 pods are made anew',
  ],
  [
    'given up',
    workload('Deployment', { replicas: 3 }, { ...all, updatedReplicas: 1, conditions: [failed] }),
    'stuck',
    'timed out progressing',
  ],
  [
    'OnDelete',
    workload('DaemonSet', onDelete, { ...daemons, updatedNumberScheduled: 0 }),
    'by_hand',
    '2 of 2 pods are as before, since its update strategy is OnDelete: delete its pods one by one',
  ],
  [
    'OnDelete of a StatefulSet',
    workload('StatefulSet', { ...onDelete, replicas: 3 }, { ...all, updatedReplicas: 2 }),
    'by_hand',
    '1 of 3 pods are as before',
  ],
  [
    'a StatefulSet that renews only its last pods',
    workload('StatefulSet', partition, { ...all, updatedReplicas: 1 }),
    'by_hand',
    '2 of 3 pods are as before, since its partition keeps pods below number 2',
  ],
  [
    'the last pods of a partition are awaited',
    workload('StatefulSet', partition, { ...all, updatedReplicas: 0 }),
    'under_way',
    '0 of 1 pods are made anew',
  ],
  [
    'paused',
    workload('Deployment', { replicas: 3, paused: true }, { ...all, updatedReplicas: 0 }),
    'by_hand',
    'kubectl rollout resume',
  ],
])('not done: %s', (_what, object, ...[kind, words]) => {
  const rollout = rolloutOf(object);
  expect(rollout.kind).toBe(kind);
  expect('words' in rollout ? rollout.words : '').toContain(words);
});
