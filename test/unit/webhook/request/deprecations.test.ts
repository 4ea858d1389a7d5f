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
import { textOf } from '../../docs/pages.ts';

/** From when to when. */
const lives = { since: '1.2.0', removedIn: '2.0.0' };
const sample: readonly Deprecation[] = [
  {
    kind: 'annotation',
    name: 'svidecar.dev/audience',
    instead: 'write svidecar.dev/inject-audience',
    ...lives,
  },
  {
    kind: 'template',
    name: 'jwt-ban',
    instead: 'ask for jwt-bans',
    ...lives,
  },
  {
    kind: 'configuration',
    name: 'entries.parentId',
    instead: 'take it out',
    ...lives,
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

test('the annotation that asks for templates is one as well', () => {
  const name = 'inject.svidecar.dev/templates';
  const row = { kind: 'annotation', name, instead: 'ask otherwise', ...lives } as const;
  const { steps } = decideOn(deployment(injectBackend), {
    engine: { ...engineFor(), deprecations: [row] },
  });
  expect(steps.find(({ id }) => id === 'deprecated')).toMatchObject({ key: name });
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

/** What a version may refuse at the earliest that another one told of (docs/policy.md). */
function earliestRefusal(since: string): string {
  const [major = 0, minor = 0] = since.split('.').map(Number);
  return major > 0 ? `${major + 1}.0.0` : `0.${minor + 2}.0`;
}

function isBefore(a: string, b: string): boolean {
  return a.localeCompare(b, 'en', { numeric: true }) < 0;
}

/** What is wrong with a row in a tree of a version. */
function faultsOf(
  { kind, name, since, removedIn }: Deprecation,
  version: string,
): readonly string[] {
  const promised = textOf('test/golden/stable-names.txt').split('\n');
  const isKnown = promised.includes(`${kind} ${name}`);
  return [
    ...(isKnown ? [] : ['nobody was promised that name']),
    ...(isBefore(version, since) ? ['it is told of later'] : []),
    ...(isBefore(removedIn, earliestRefusal(since)) ? ['it is refused too early'] : []),
    ...(isBefore(version, removedIn) ? [] : ['it has to be refused']),
  ];
}

test('the rows of this version are told of, and refused by a later one that may', () => {
  for (const each of deprecations) expect(faultsOf(each, helperVersion), each.name).toEqual([]);
});

test.for([
  ['1.2.0', '2.0.0', '1.9.0', []],
  ['1.2.0', '1.3.0', '1.2.0', ['it is refused too early']],
  ['0.9.0', '0.11.0', '0.10.0', []],
  ['0.9.0', '0.10.0', '0.9.0', ['it is refused too early']],
  ['0.9.0', '1.0.0', '1.0.0', ['it has to be refused']],
  ['1.2.0', '2.0.0', '1.1.0', ['it is told of later']],
] as const)(
  'a row since %s that ends with %s, in a tree of %s: %s',
  ([since, removedIn, version, faults]) => {
    const [row] = sample;
    if (row === undefined) throw new TypeError('no row');
    expect(faultsOf({ ...row, since, removedIn }, version)).toEqual(faults);
    const typo = faultsOf({ ...row, name: 'svidecar.dev/audienc', since, removedIn }, version);
    expect(typo).toEqual(['nobody was promised that name', ...faults]);
  },
);
