import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../webhook/injection/config-map-contents.ts';
import {
  slimConfigMap,
  slimNamespace,
  slimWorkload,
} from '../../../../webhook/controller/kept-objects.ts';
import type { WorkloadKind } from '../../../../webhook/objects/kinds.ts';

const judge = (): undefined => undefined;
const type: WorkloadKind = {
  group: 'apps',
  versions: ['v1'],
  kind: 'ReplicaSet',
  resource: 'replicasets',
  templatePath: ['spec', 'template'],
};

test('of a ConfigMap of others only texts and bytes are kept, of ours what we compare as well', () => {
  const object = {
    metadata: {
      namespace: 'n',
      name: 'c',
      uid: 'u',
      resourceVersion: '1',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'long' },
      managedFields: [],
    },
    data: { a: 'x', b: 7 },
    binaryData: { z: 'AAAA' },
  };
  expect(slimConfigMap(object)).toEqual({
    namespace: 'n',
    name: 'c',
    uid: 'u',
    resourceVersion: '1',
    data: { a: 'x' },
    binaryData: { z: 'AAAA' },
    digest: '',
    isManaged: false,
    immutable: false,
    labels: {},
    annotations: {},
    owners: [],
  });
  const labels = { 'app.kubernetes.io/managed-by': 'svidecar' };
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 's', uid: 'o', controller: false };
  const ours = slimConfigMap({
    ...object,
    immutable: true,
    metadata: { ...object.metadata, labels, ownerReferences: [owner, null] },
  });
  expect(ours).toMatchObject({ isManaged: true, immutable: true, labels });
  expect(ours.owners).toEqual([{ apiVersion: 'v1', kind: 'ConfigMap', name: 's', uid: 'o' }]);
});

test('of one under a name of ours a digest is kept, whoever wrote it', () => {
  const metadata = { namespace: 'n', name: `svidecar-${'0'.repeat(32)}` };
  const theirs = slimConfigMap({ metadata, data: { f: 'x' } });
  expect(theirs.isManaged).toBe(false);
  expect(theirs.digest).toBe(digestOf({ f: 'x' }));
});

describe('users', () => {
  const annotations = { 'svidecar.dev/status': '{}' };

  test('one without our status is of no interest', () => {
    expect(slimWorkload({ metadata: { name: 'a', annotations } }, type, judge)).toBeUndefined();
    expect(slimWorkload({}, type, judge)).toBeUndefined();
  });

  test('the controller is the owner that says so', () => {
    const ownerReferences = [
      { apiVersion: 'v1', kind: 'X', name: 'x', uid: '1' },
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: '2', controller: true },
    ];
    const entry = slimWorkload(
      {
        metadata: { namespace: 'n', name: 'web-1', uid: '3', ownerReferences },
        spec: { template: { metadata: { annotations } } },
      },
      type,
      judge,
    );
    expect(entry).toEqual({
      namespace: 'n',
      kind: 'ReplicaSet',
      name: 'web-1',
      self: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: '3' },
      controller: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: '2' },
      status: '{}',
      changedAtMs: 0,
    });
  });
});

test('of a namespace only the label counts', () => {
  const labels = { 'svidecar.dev/injection': 'pod', team: 'a' };
  expect(slimNamespace({ metadata: { name: 'n', labels } })).toEqual({
    namespace: '',
    name: 'n',
    injection: 'pod',
  });
  expect(slimNamespace({ metadata: { name: 'n' } }).injection).toBeUndefined();
});
