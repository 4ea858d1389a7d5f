import { describe, expect, test } from 'vitest';
import {
  planClusterSpiffeIds,
  type ClusterSpiffeIdPlanInput,
  type StoredClusterSpiffeId,
} from '../../../../../webhook/controller/clusterspiffeids/plan-cluster-spiffe-ids.ts';

const wanted = { name: 'svidecar-helpers', spec: { spiffeIDTemplate: 'x' } };
const stored: StoredClusterSpiffeId = {
  ...wanted,
  uid: 'u',
  resourceVersion: '1',
  isManaged: true,
  metadata: { name: 'svidecar-helpers', uid: 'u' },
};

function plan(changes: Partial<ClusterSpiffeIdPlanInput>) {
  return planClusterSpiffeIds({
    wanted: [],
    stored: [],
    mayRemove: true,
    unwantedSinceMs: new Map(),
    nowMs: 100_000,
    graceMs: 60_000,
    ...changes,
  });
}

describe('a wanted one', () => {
  test.each([
    ['is made where it is not there', [], [{ kind: 'create', wanted }]],
    ['is left alone where it is as wanted', [stored], []],
    [
      'is put right where it is otherwise',
      [{ ...stored, spec: {} }],
      [{ kind: 'replace', wanted, metadata: stored.metadata }],
    ],
    [
      "is nobody's where somebody else has its name",
      [{ ...stored, spec: {}, isManaged: false }],
      [],
    ],
  ])('%s', (_name, there, steps) => {
    expect(plan({ wanted: [wanted], stored: there }).steps).toEqual(steps);
  });

  test('names that others have are told', () => {
    const { taken } = plan({ wanted: [wanted], stored: [{ ...stored, isManaged: false }] });
    expect(taken).toEqual(['svidecar-helpers']);
  });
});

describe('one that nobody wants', () => {
  const since = (ms: number): ReadonlyMap<string, number> => new Map([['svidecar-helpers', ms]]);
  const remove = [{ kind: 'remove', name: 'svidecar-helpers', uid: 'u', resourceVersion: '1' }];

  test('stays for the grace, and is looked at again when that is over', () => {
    const first = plan({ stored: [stored] });
    expect(first).toMatchObject({ steps: [], againInMs: 60_000 });
    expect(first.unwantedSinceMs).toEqual(since(100_000));
    const later = plan({ stored: [stored], unwantedSinceMs: since(70_000) });
    expect(later).toMatchObject({ steps: [], againInMs: 30_000 });
    expect(plan({ stored: [stored], unwantedSinceMs: since(40_000) }).steps).toEqual(remove);
  });

  test('stays while not everything is known, and where it is not ours', () => {
    const over = { unwantedSinceMs: since(0) };
    expect(plan({ ...over, stored: [stored], mayRemove: false }).steps).toEqual([]);
    expect(plan({ ...over, stored: [{ ...stored, isManaged: false }] }).steps).toEqual([]);
  });

  test('goes after what comes is there', () => {
    const other = { ...wanted, name: 'svidecar-federated-x' };
    const { steps } = plan({ wanted: [other], stored: [stored], unwantedSinceMs: since(0) });
    expect(steps.map(({ kind }) => kind)).toEqual(['create', 'remove']);
  });

  test('begins its grace anew after it was wanted again', () => {
    const { unwantedSinceMs } = plan({
      wanted: [wanted],
      stored: [stored],
      unwantedSinceMs: since(0),
    });
    expect(unwantedSinceMs).toEqual(new Map());
  });
});
