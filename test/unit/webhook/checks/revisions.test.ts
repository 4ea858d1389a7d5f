/** Who injects, where several installations are there: checks, the console's verdict, and the explanation of one object. */
import { describe, expect, test } from 'vitest';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { parseStatus, revisionInStatus } from '../../../../webhook/injection/status.ts';
import { askersIn, assess } from '../../../../webhook/checks/assess.ts';
import type { LiveFacts } from '../../../../webhook/checks/facts.ts';
import { judgeWorkload } from '../../../../webhook/console/judge-workload.ts';
import { installedRevisions } from '../../../../webhook/checks/installed-revisions.ts';
import { defaultConfiguration } from '../../../../webhook/request/revision-hooks.ts';
import { explainLive, explainTexts } from '../../../../webhook/manifests/explain-texts.ts';
import { enabled, factsWith, findingsOf, namespace, resultOf } from '../../../fakes/check-facts.ts';
import { decideOn, stepsOf } from '../../../fakes/admission.ts';
import { factsOf, hooksIn, type Scene } from '../../../fakes/revision-scenes.ts';
import { engineOf, hooksBy, injectedBy, revisionKey } from '../../../fakes/revisions.ts';

const both = ['', 'canary'];

describe('revision_served', () => {
  test.each<[string, Scene, RegExp | undefined]>([
    ['nothing is named', { installed: [''] }, undefined],
    ['one that is there is named', { installed: both, names: 'canary' }, undefined],
    [
      'one that is not there',
      { installed: both, names: 'next' },
      /revision "next", which is not installed \(there are: the one without a name, canary\)/,
    ],
    ['"default", which is none', { installed: both, names: 'default' }, /revision "default"/],
    ['an empty name', { installed: both, names: '' }, /revision ""/],
    ['nobody is the default', { installed: ['canary'] }, /no installation is the default/],
    ['the default is said', { installed: ['canary'], byDefault: 'canary' }, undefined],
    [
      'the default has gone',
      { installed: [''], byDefault: 'canary' },
      /makes revision canary the default, which is not installed \(.*\): the installation without a name injects/,
    ],
    [
      'a template names nobody',
      { installed: both, workload: injectedBy(undefined, 'next') },
      /its pod template names the revision "next"/,
    ],
    [
      'a template names one',
      { installed: both, workload: injectedBy(undefined, 'canary') },
      undefined,
    ],
  ])('%s', (_name, scene, said) => {
    const findings = findingsOf('revision_served', factsOf(scene));
    expect(findings.length).toBe(said === undefined ? 0 : 1);
    if (said === undefined) return;
    expect(findings[0]?.severity).toBe('error');
    expect(findings[0]?.message).toMatch(said);
    expect(findings[0]?.hint).toMatch(
      /label/i.test(findings[0]?.message ?? '') ? /label|revision/ : /./,
    );
  });
});

test('the default that is gone leaves it to the installation without a name, or to nobody', () => {
  const installed = (all: readonly string[]): unknown =>
    installedRevisions(
      hooksIn({ installed: all, byDefault: 'canary' }).map((object) => ({ object })),
    ).byDefault;
  expect(installed(['', 'canary'])).toBe('canary');
  expect(installed([''])).toBe('');
  const facts = factsOf({ installed: ['next'], byDefault: 'canary' });
  expect(findingsOf('revision_served', facts)[0]?.message).toContain('no revision are refused');
});

describe('webhook_answers, where several could', () => {
  function probedIn(scene: Scene, injector: string | undefined): ReturnType<typeof factsWith> {
    const pod = objectAt(objectAt(injectedBy(injector), 'spec'), 'template');
    const value = { namespace: 'shop', status: 201, message: '', pod };
    return { ...factsOf(scene), probe: { kind: 'known', value } };
  }
  test.each<[string, Partial<Scene>, string | undefined, string | undefined, string]>([
    ['the default', { byDefault: 'canary' }, 'canary', undefined, ''],
    [
      'another one than the default',
      { byDefault: 'canary' },
      '',
      'is for revision canary, which did not answer: the installation without a name injected it',
      'svidecar-default',
    ],
    ['the namespace’s', { byDefault: '', names: 'canary' }, 'canary', undefined, ''],
    [
      'nobody',
      { byDefault: '', names: 'canary' },
      undefined,
      'is admitted without it',
      'svidecar-pods-canary',
    ],
  ])('it was %s', (_who, scene, ...expected) => {
    const [injector, message, hook] = expected;
    const findings = findingsOf(
      'webhook_answers',
      probedIn({ installed: both, ...scene }, injector),
    );
    expect(findings.map((each) => [each.message, each.where?.name])).toEqual(
      message === undefined ? [] : [[expect.stringContaining(message), hook]],
    );
  });
});

describe('revision_current', () => {
  test.each<[string, Scene, string | undefined]>([
    ['its own', { installed: both, workload: injectedBy('') }, undefined],
    [
      'the namespace was relabelled',
      { installed: both, names: 'canary', workload: injectedBy('') },
      'was injected by the installation without a name (version VERSION), and is for revision canary now',
    ],
    [
      'the label was taken away',
      { installed: both, workload: injectedBy('canary') },
      'was injected by revision canary (version VERSION), and is for the installation without a name now',
    ],
    [
      'the default moved',
      { installed: both, byDefault: 'canary', workload: injectedBy('') },
      'was injected by the installation without a name (version VERSION), and is for revision canary now',
    ],
    ['the template wins', { installed: both, workload: injectedBy('canary', 'canary') }, undefined],
  ])('%s', (_name, scene, said) => {
    const facts = factsOf(scene, scene.byDefault);
    const { findings, reasons } = resultOf('revision_current', facts);
    const version = facts.engine.version;
    expect(findings.map(({ message }) => message)).toEqual(
      said === undefined ? [] : [said.replace('VERSION', version)],
    );
    expect(JSON.stringify(reasons)).toContain('workloads injected: 1 by ');
    // It is said once.
    expect(findingsOf('helper_current', facts)).toEqual([]);
  });
});

describe('what revision_current advises ends what it is about', () => {
  test.each<
    [string, Partial<Scene> & { readonly kind?: string; readonly spec?: JsonObject }, RegExp]
  >([
    ['a Deployment', {}, /^kubectl rollout restart deployment\/frontend -n shop$/],
    [
      'a paused one',
      { spec: { paused: true } },
      /^kubectl rollout resume .*, then kubectl rollout/,
    ],
    ['OnDelete', { kind: 'DaemonSet', spec: { updateStrategy: { type: 'OnDelete' } } }, /OnDelete/],
    ['a ReplicaSet', { kind: 'ReplicaSet' }, /^kubectl patch .*; then delete its pods one/],
    ['a revision that is not there', { names: 'nobody' }, /^first name a revision that is inst/],
  ])('%s', (_name, { kind = 'Deployment', spec = {}, ...scene }, hint) => {
    const made = injectedBy('');
    const workload = { ...made, kind, spec: { ...objectAt(made, 'spec'), ...spec } };
    const findings = findingsOf(
      'revision_current',
      factsOf({ installed: both, names: 'canary', ...scene, workload }),
    );
    expect(findings.map((each) => each.hint)).toEqual([expect.stringMatching(hint)]);
  });

  test('pods that their partition keeps are not restarted in vain', () => {
    const made = injectedBy('canary');
    const workload = {
      ...made,
      kind: 'StatefulSet',
      spec: {
        ...objectAt(made, 'spec'),
        replicas: 3,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } },
      },
      status: { replicas: 3, updatedReplicas: 1, availableReplicas: 3 },
    };
    const template = objectAt(objectAt(injectedBy(''), 'spec'), 'template');
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      name: 'frontend',
      controller: true,
    };
    const metadata = {
      ...objectAt(template, 'metadata'),
      name: 'frontend-0',
      namespace: 'shop',
      ownerReferences: [owner],
    };
    const pods = [{ ...template, apiVersion: 'v1', kind: 'Pod', metadata }];
    const namespaces = [namespace('shop', { ...enabled, [revisionKey]: 'canary' })];
    const facts = factsWith(
      { hooks: hooksIn({ installed: both }), namespaces, workloads: [workload], pods },
      { engine: engineOf('') },
    );
    expect(findingsOf('revision_current', facts)).toMatchObject([
      {
        where: { kind: 'Pod', name: 'frontend-0' },
        hint: 'its partition keeps pods below number 2 as they are: lower spec.updateStrategy.rollingUpdate.partition',
      },
    ]);
  });
});

test('what another revision injected is taken as it is, and its identity is known', () => {
  const scene = { installed: both, names: 'canary', workload: injectedBy('canary') };
  const facts = factsOf(scene);
  const [assessed] = assess(facts, askersIn(facts));
  expect(assessed?.decision).toMatchObject({ kind: 'unchanged', status: { revision: 'canary' } });
  for (const id of ['helper_current', 'annotations_valid', 'revision_current'] as const)
    expect(findingsOf(id, facts)).toEqual([]);
});

test('the hooks of several installations, and the default’s copies, have no fault', () => {
  for (const byDefault of [undefined, '', 'canary'])
    expect(
      findingsOf(
        'webhook_configured',
        factsOf({ installed: both, ...(byDefault === undefined ? {} : { byDefault }) }),
      ),
    ).toEqual([]);
  const [workloads, pods] = hooksBy('canary');
  if (workloads === undefined || pods === undefined) throw new Error('two configurations');
  const facts = factsWith({ hooks: [pods] });
  expect(findingsOf('webhook_configured', facts).map(({ message }) => message)).toEqual([
    expect.stringContaining('there is no hook workloads.svidecar.dev'),
    expect.stringContaining('there is no hook labelled-workloads.svidecar.dev'),
  ]);
});

/** The hook that a change is about, as the copy of the default has it; undefined: taken away. */
type Change = (hook: JsonObject) => JsonObject | undefined;

test.each<[string, Change, readonly string[]]>([
  ['a hook is taken away', () => undefined, ['error it has no hook pods.svidecar.dev']],
  [
    'a policy and rules differ',
    (hook) => ({ ...hook, failurePolicy: 'Fail', rules: [] }),
    ['warning hook pods.svidecar.dev differs in failurePolicy, rules'],
  ],
  [
    'an authority differs',
    (hook) => ({ ...hook, clientConfig: { ...objectAt(hook, 'clientConfig'), caBundle: 'QQ==' } }),
    ['warning hook pods.svidecar.dev differs in clientConfig'],
  ],
  [
    'a hook is there twice under another name',
    (hook) => ({ ...hook, name: 'more.svidecar.dev' }),
    ['error it has no hook pods.svidecar.dev', 'warning it has a hook more.svidecar.dev'],
  ],
])('the default’s copies are held against those of its revision: %s', (_name, change, said) => {
  for (const [name, command] of [
    ['', 'svidecar revision default --yes'],
    ['canary', 'svidecar revision default canary --yes'],
  ] as const) {
    const copy = defaultConfiguration(hooksBy(name), name);
    const webhooks = listAt(copy, 'webhooks')
      .filter(isObject)
      .map((hook) => (hook['name'] === 'pods.svidecar.dev' ? change(hook) : hook))
      .filter((hook) => hook !== undefined);
    const facts = factsWith({ hooks: [...both.flatMap(hooksBy), { ...copy, webhooks }] });
    const told = findingsOf('webhook_configured', facts);
    const words = told.map(
      ({ severity, message }) =>
        `${severity} ${message.replace(/^.* any more: (.*?)(, .* for|, which .*)?$/, '$1')}`,
    );
    expect(words).toEqual(said);
    for (const { hint } of told) expect(hint).toContain(command);
  }
});

test('a default that cert-manager would not keep any more is told of', () => {
  const hooks = hooksBy('canary').map((each) => ({
    ...each,
    metadata: {
      ...objectAt(each, 'metadata'),
      annotations: { 'cert-manager.io/inject-ca-from': 'svidecar/svidecar-serving-canary' },
    },
  }));
  const copy = defaultConfiguration(hooksBy('canary'), 'canary');
  const told = findingsOf('webhook_configured', factsWith({ hooks: [...hooks, copy] }));
  expect(told.map(({ message }) => message)).toEqual([
    expect.stringContaining('its annotation cert-manager.io/inject-ca-from is not there'),
  ]);
  const kept = defaultConfiguration(hooks, 'canary');
  expect(findingsOf('webhook_configured', factsWith({ hooks: [...hooks, kept] }))).toEqual([]);
});

describe('the console', () => {
  test.each<[string, Scene, string, string | undefined]>([
    ['its own', { installed: both, workload: injectedBy('') }, 'unchanged', 'envoy_config_awaited'],
    [
      'another one’s, as it should be',
      { installed: both, names: 'canary', workload: injectedBy('canary') },
      'unchanged',
      'other_revision',
    ],
    [
      'to be taken over',
      { installed: both, names: 'canary', workload: injectedBy('') },
      'injected',
      'other_revision',
    ],
    [
      'to be given back',
      { installed: both, workload: injectedBy('canary') },
      'injected',
      'other_revision',
    ],
    [
      'nobody’s',
      { installed: both, names: 'next', workload: injectedBy('') },
      'refused',
      'revision_unknown',
    ],
  ])('%s', (_name, scene, ...expected) => {
    const verdict = judgeWorkload(scene.workload ?? {}, {
      engine: engineOf(''),
      ownNamespace: 'svidecar',
      configMap: () => undefined,
      revisions: {
        installed: installedRevisions(hooksIn(scene).map((object) => ({ object }))),
        ofNamespace: () => scene.names,
      },
    });
    expect([verdict.kind, verdict.why?.id]).toEqual(expected);
  });
});

describe('the explanation of an object', () => {
  function live(object: JsonObject, names?: string): LiveFacts {
    const labels = { ...enabled, ...(names === undefined ? {} : { [revisionKey]: names }) };
    return {
      name: 'deployment/frontend',
      namespace: 'shop',
      object,
      serverVersion: { kind: 'not_asked', reason: 'not here' },
      configMaps: [],
      envoyFilters: { kind: 'known', subjects: [] },
      namespaceLabels: { kind: 'known', value: labels },
      hooks: {
        kind: 'known',
        subjects: hooksIn({ installed: both }).map((each) => ({ object: each })),
      },
    };
  }
  test.each([
    { by: 'canary', names: 'canary', kind: 'unchanged', id: 'revision_chosen' },
    { by: 'canary', names: 'next', kind: 'skipped', id: 'revision_unknown' },
    { by: '', names: undefined, kind: 'unchanged', id: undefined },
    { by: 'canary', names: undefined, kind: 'unchanged', id: undefined },
  ])('injected by "$by", in a namespace that names $names', ({ by, names, kind, id }) => {
    const [outcome] = explainLive(live(injectedBy(by), names), engineOf('')).outcomes;
    const step = outcome?.decision.steps.find((each) => each.id.startsWith('revision_'));
    expect([outcome?.decision.kind, step?.id]).toEqual([kind, id]);
  });
});

test.each([
  ['canary', ['revision_chosen']],
  [undefined, []],
])('the explanation of a manifest tells that its template names %s', (names, steps) => {
  const text = JSON.stringify(injectedBy(undefined, names));
  const options = { engine: engineOf(''), namespace: 'shop' };
  const [outcome] = explainTexts([{ name: 'shop.yaml', text }], options).outcomes;
  const told = outcome?.decision.steps.filter((each) => each.id.startsWith('revision_')) ?? [];
  expect(told.map(({ id }) => id)).toEqual(steps);
});

test('a status names its revision where it can be read without the rest, and a reader that does not know it ignores it', () => {
  for (const revision of ['', 'canary']) {
    const text = statusOfDeployment(injectedBy(revision));
    expect(revisionInStatus(text)).toBe(revision);
    expect(parseStatus(text).revision).toBe(revision === '' ? undefined : revision);
    // As this version reads members that it does not know.
    const known: unknown = JSON.parse(text);
    const more = JSON.stringify({ ...(isObject(known) ? known : {}), later: 'member' });
    expect(parseStatus(more)).toEqual(parseStatus(text));
  }
  expect(revisionInStatus('{"templates":[],"revision":"canary"')).toBe('');
});

function statusOfDeployment(object: JsonObject): string {
  const template = objectAt(objectAt(object, 'spec'), 'template');
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  return stringAt(annotations, 'svidecar.dev/status') ?? '';
}

test('a label on the metadata of a workload alone is told of: nobody reads it there', () => {
  for (const [names, said] of [
    [undefined, ['key_as_label']],
    ['canary', []],
  ] as const) {
    const object = injectedBy(undefined, names);
    const metadata = { ...objectAt(object, 'metadata'), labels: { [revisionKey]: 'canary' } };
    const steps = stepsOf(decideOn({ ...object, metadata }));
    expect(steps.filter((id) => id === 'key_as_label')).toEqual(said);
  }
});
