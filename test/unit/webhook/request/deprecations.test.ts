/** With rows of a sample: the table of this version may be empty. */
import { describe, expect, test } from 'vitest';
import { listAt, objectAt } from '#kernel/json.ts';
import { helperVersion } from '../../../../sidecar/helper/version.ts';
import { review } from '../../../../webhook/admission/review.ts';
import { deprecations, type Deprecation } from '../../../../webhook/request/deprecations.ts';
import { decideOn } from '../../../fakes/admission.ts';
import { factsWith, findingsOf } from '../../../fakes/check-facts.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { deployment, injectBackend } from '../../../fakes/workloads.ts';
import { healthy } from '../../../fakes/workload-mistakes.ts';

const sample: readonly Deprecation[] = [
  {
    kind: 'annotation',
    name: 'svidecar.dev/audience',
    instead: 'write svidecar.dev/inject-audience',
    since: '1.2.0',
    removedIn: '2.0.0',
  },
  {
    kind: 'template',
    name: 'jwt-ban',
    instead: 'ask for jwt-bans',
    since: '1.2.0',
    removedIn: '2.0.0',
  },
  {
    kind: 'configuration',
    name: 'entries.parentId',
    instead: 'take it out',
    since: '1.2.0',
    removedIn: '2.0.0',
  },
];
const engine = { ...engineFor(), deprecations: sample };
const words =
  'annotation svidecar.dev/audience is deprecated since svidecar 1.2.0, and 2.0.0 will refuse it: write svidecar.dev/inject-audience';

describe('an annotation that a later version refuses', () => {
  test('is told of in the trace, which explain shows, and injects as before', () => {
    const decision = decideOn(deployment(injectBackend), { engine });
    expect(decision).toMatchObject({ kind: 'injected' });
    const { steps } = decision;
    expect(steps.filter(({ id }) => id === 'deprecated')).toEqual([
      { id: 'deprecated', level: 'warning', message: words, key: 'svidecar.dev/audience' },
    ]);
  });

  test('is a warning of the admission', () => {
    const request = {
      uid: 'u-1',
      kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
      namespace: 'shop',
      operation: 'CREATE',
      object: deployment(injectBackend),
    };
    const whole = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
    const { body } = review(whole, {
      engine,
      checkEnvoy: () => undefined,
      configMapKeys: () => undefined,
      heldConfigMap: () => undefined,
      ignoredNamespaces: new Set(),
    });
    expect(listAt(objectAt(body, 'response'), 'warnings')).toContain(`svidecar: ${words}`);
  });

  test('is a finding of the check', () => {
    const facts = { ...factsWith({ ...healthy, workloads: [deployment(injectBackend)] }), engine };
    expect(findingsOf('annotations_valid', facts)).toMatchObject([
      { severity: 'warning', message: words, key: 'svidecar.dev/audience' },
    ]);
  });

  test('where it is not written nothing is said', () => {
    const { steps } = decideOn(deployment({ 'inject.svidecar.dev/templates': 'spiffe-socket' }), {
      engine,
    });
    expect(steps.map(({ id }) => id)).not.toContain('deprecated');
  });
});

test('so is a template', () => {
  const object = deployment({ 'inject.svidecar.dev/templates': 'jwt-ban' });
  const { steps } = decideOn(object, { engine });
  expect(steps.find(({ id }) => id === 'deprecated')).toMatchObject({
    message: expect.stringMatching(
      /^template jwt-ban is deprecated .*: ask for jwt-bans$/,
    ) as unknown,
    key: 'inject.svidecar.dev/templates',
  });
});

test('a key of the configuration is a finding of its check where it is written', () => {
  const where = { kind: 'ConfigMap', namespace: 'svidecar', name: 'svidecar' };
  const answers = { configuration: { kind: 'known', value: { where, fault: undefined } } } as const;
  const config = { entries: { parentId: 'spiffe://example.org/agent' } };
  const told = (given: unknown): readonly unknown[] =>
    findingsOf('configuration', {
      ...factsWith(healthy, answers),
      engine: { ...engineFor(given), deprecations: sample },
    });
  expect(told(config)).toMatchObject([
    {
      severity: 'warning',
      where,
      message: expect.stringContaining('the key entries.parentId') as unknown,
    },
  ]);
  expect(told({})).toEqual([]);
});

describe('the rows of this version', () => {
  const parts = (version: string): readonly number[] => version.split('.').map(Number);
  const isAfter = (a: string, b: string): boolean => {
    const at = parts(a).findIndex((part, index) => part !== parts(b)[index]);
    return at >= 0 && (parts(a)[at] ?? 0) > (parts(b)[at] ?? 0);
  };

  test('name a version that refuses them later, and are gone by then', () => {
    for (const { name, since, removedIn } of [...deprecations, ...sample]) {
      expect(isAfter(removedIn, since), name).toBe(true);
      expect(isAfter(removedIn, helperVersion), name).toBe(true);
    }
  });
});
