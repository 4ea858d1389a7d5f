import { describe, expect, test } from 'vitest';
import { decide } from '../../../../webhook/admission/decide.ts';
import { engineFor } from '../../../fakes/engine.ts';

const context = {
  engine: engineFor(),
  checkEnvoy: () => undefined,
  ignoredNamespaces: new Set(['kube-system']),
  namespace: 'shop',
};

describe('a decision', () => {
  test('an object of another kind is passed over', () => {
    const decision = decide(
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } },
      context,
    );
    expect(decision).toMatchObject({ kind: 'skipped', reason: 'object_unknown' });
  });
});
