import { describe, expect, test } from 'vitest';
import { objectAt } from '#kernel/json.ts';
import { buildLibrary, readTemplate } from '../../../../webhook/templates/library.ts';
import type { Fragment } from '../../../../webhook/templates/template-schema.ts';
import { decideOn, injected, operationsOf } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { appAlone, deployment } from '../../../fakes/workloads.ts';

function template(more = ''): ReturnType<typeof readTemplate> {
  return readTemplate(
    `description: a test\nfragments: [{pod: {spec: {volumes: []}}}]\n${more}`,
    'test',
  );
}

describe('a library', () => {
  test('knows names and aliases, and hides internal templates', () => {
    const library = buildLibrary({ b: template('aliases: [bee]'), a: template('internal: true') });
    expect(library.names).toEqual(['b']);
    expect(library.get('bee').name).toBe('b');
    expect(() => library.get('a')).toThrow('there is no template "a"');
  });

  test.each([
    ['bea', 'did you mean "bee"? Known templates: b'],
    ['something-else', 'there is no template "something-else". Known templates: b'],
    ['constructor', 'there is no template "constructor"'],
  ])('refuses %s', (name, says) => {
    const library = buildLibrary({ b: template('aliases: [bee]') });
    expect(() => library.get(name)).toThrow(expect.objectContaining({ code: 'TEMPLATE_UNKNOWN' }));
    expect(() => library.get(name)).toThrow(says);
  });

  test.each([
    [
      'a cycle',
      { a: template('includes: [b]'), b: template('includes: [a]') },
      'includes itself: a → b → a',
    ],
    ['itself', { a: template('includes: [a]') }, 'includes itself: a → a'],
    [
      'a stranger',
      { a: template('includes: [constructor]') },
      '"constructor", which does not exist',
    ],
  ])('refuses a template that includes %s', (_name, templates, says) => {
    expect(() => buildLibrary(templates)).toThrow(
      expect.objectContaining({ code: 'TEMPLATE_INVALID' }),
    );
    expect(() => buildLibrary(templates)).toThrow(says);
  });

  test('includes each part once, the included ones first', () => {
    const library = buildLibrary({
      a: template('includes: [c, b]'),
      b: template('includes: [c]'),
      c: template(),
    });
    expect(library.get('a').parts.map(({ from }) => from)).toEqual(['c', 'b', 'a']);
  });

  test.each([
    ['no YAML', 'a: [', 'test:'],
    ['an unknown key', 'description: x\nfragments: [{pods: {}}]', 'pods'],
    ['no fragments', 'description: x\nfragments: []', 'fragments'],
  ])('a template with %s is refused', (_name, text, says) => {
    expect(() => readTemplate(text, 'test')).toThrow(
      expect.objectContaining({ code: 'TEMPLATE_INVALID' }),
    );
    expect(() => readTemplate(text, 'test')).toThrow(says);
  });
});

describe('a template of the configuration', () => {
  const own = (pod: unknown): ReturnType<typeof engineFor> =>
    engineFor({ templates: { own: { description: 'x', fragments: [{ pod }] } } });
  const asked = deployment({ 'inject.svidecar.dev/templates': 'own' }, appAlone);

  test('is injected, with values of the pod, and undone', () => {
    const engine = own({
      spec: { securityContext: { fsGroup: 7 }, nodeSelector: { ns: '${namespace}' } },
    });
    expect(injected(asked, { engine })).toMatchObject({
      spec: {
        template: { spec: { securityContext: { fsGroup: 7 }, nodeSelector: { ns: 'shop' } } },
      },
    });
  });

  test('with an unknown variable is refused', () => {
    const decision = decideOn(asked, { engine: own({ spec: { nodeName: '${nonsense}' } }) });
    expect(decision).toMatchObject({ kind: 'refused', code: 'TEMPLATE_INVALID' });
    expect(decision.steps.at(-1)?.message).toContain('unknown variable ${nonsense}');
  });

  test('with a zero value, which the API server leaves out, is settled all the same', () => {
    const engine = own({ spec: { hostPID: false } });
    const object = injected(asked, { engine });
    const stored = JSON.parse(
      JSON.stringify(object).replace(',"hostPID":false', ''),
    ) as typeof object;
    expect(stored).not.toEqual(object);
    expect(operationsOf(decideOn(stored, { engine }))).toEqual([]);
  });

  test('an env entry or a mount of the user stays whole', () => {
    const engine = engineFor({
      templates: {
        own: {
          description: 'x',
          fragments: [{ everyContainer: { env: [{ name: 'A', value: '1' }] } }],
        },
      },
    });
    const theirs = { name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };
    const object = deployment(
      { 'inject.svidecar.dev/templates': 'own' },
      { containers: [{ name: 'app', env: [theirs] }] },
    );
    expect(injected(object, { engine })).toMatchObject({
      spec: { template: { spec: { containers: [{ name: 'app', env: [theirs] }] } } },
    });
  });

  test('the order of names does not matter', () => {
    const ask = (names: string): unknown => {
      const annotations = { 'inject.svidecar.dev/templates': names, 'svidecar.dev/audience': 'a' };
      return operationsOf(decideOn(deployment(annotations)));
    };
    expect(ask('jwt-validate,spire,jwt-inject')).toEqual(
      ask('jwt-inject,spiffe-socket,jwt-validate,spire'),
    );
  });
});

describe('built-in templates have no anchors: what stands in several filters is the same', () => {
  const { library } = engineFor();
  const filtersOf = (name: string, isMeant: (when: Fragment['when']) => boolean) =>
    library
      .get(name)
      .fragments.filter(({ when }) => isMeant(when))
      .flatMap(({ envoy }) => envoy?.filters ?? []);

  test.each(['jwt-ban', 'jwt-inject', 'jwt-validate'])('%s: advice and routes', (name) => {
    const filters = filtersOf(name, (when) => when?.['dataPath'] === 'native');
    expect(new Set(filters.map(({ advice }) => JSON.stringify(advice))).size).toBe(1);
    expect(new Set(filters.map(({ routes }) => JSON.stringify(routes))).size).toBe(1);
  });

  test('jwt-inject: which requests are denied', () => {
    const denying = filtersOf('jwt-inject', (when) => when?.['authorization'] === 'deny');
    const matchers = denying.map(({ filter }) => objectAt(filter, 'typed_config')['xds_matcher']);
    expect(matchers).toHaveLength(2);
    expect(matchers[0]).toBeDefined();
    expect(matchers[1]).toEqual(matchers[0]);
  });
});
