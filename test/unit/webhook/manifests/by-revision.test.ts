/** Among manifests, the same installation injects an object as in a cluster, by the same labels and under the same names. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, parseDocument } from 'yaml';
import { isObject, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { statusOf, type Status } from '../../../../webhook/injection/status.ts';
import { injected } from '../../../fakes/admission.ts';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';
import { engineOf, revisionKey } from '../../../fakes/revisions.ts';

const [source = '', workload = ''] = readFileSync(
  'test/integration/fixtures/shop.yaml',
  'utf8',
).split(/^---\n/m);

function objectsIn(text: string): readonly JsonObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as unknown)
    .filter(isObject);
}

interface Labels {
  /** Of the pod template. */
  readonly template?: Json;
  readonly namespace?: Json;
}

/** A Namespace, a ConfigMap and a Deployment of that name. */
function manifests({ template, namespace }: Labels, name = 'frontend'): string {
  const deployment = parseDocument(workload);
  deployment.setIn(['metadata', 'name'], name);
  deployment.setIn(['metadata', 'namespace'], 'shop');
  if (template !== undefined)
    deployment.setIn(['spec', 'template', 'metadata', 'labels', revisionKey], template);
  const labels = namespace === undefined ? '{}' : JSON.stringify({ [revisionKey]: namespace });
  return [
    `apiVersion: v1\nkind: Namespace\nmetadata: { name: shop, labels: ${labels} }\n`,
    source.replace('metadata:', 'metadata:\n  namespace: shop'),
    String(deployment),
  ].join('---\n');
}

function named(objects: readonly JsonObject[], kind: string): readonly JsonObject[] {
  return objects.filter((each) => each['kind'] === kind);
}

function templateOf(object: JsonObject | undefined): JsonObject {
  return objectAt(objectAt(object, 'spec'), 'template');
}

/** By name, the revision that the label of a ConfigMap of ours names. */
function madeIn(text: string): Readonly<Record<string, string>> {
  const metadata = named(objectsIn(text), 'ConfigMap').map((each) => objectAt(each, 'metadata'));
  const own = metadata.filter((each) => objectAt(each, 'labels')['app.kubernetes.io/managed-by']);
  return Object.fromEntries(
    own.map((each) => [
      stringAt(each, 'name') ?? '',
      stringAt(objectAt(each, 'labels'), revisionKey) ?? '',
    ]),
  );
}

function namesIn(status: Status | undefined): readonly string[] {
  return [status?.helper?.configMap ?? '', status?.envoy?.derived ?? ''];
}

interface Row extends Labels {
  /** `--revision`. */
  readonly asked?: string;
  /** Who injects; empty for the installation without a name. */
  readonly by: string;
}

const rows: readonly Row[] = [
  { by: '' },
  { template: 'canary', by: 'canary' },
  { namespace: 'canary', by: 'canary' },
  { template: 'stable', namespace: 'canary', by: 'stable' },
  { asked: 'canary', by: 'canary' },
  { asked: 'canary', template: 'canary', namespace: 'stable', by: 'canary' },
  { asked: 'canary', namespace: 'canary', by: 'canary' },
];

test.each(rows)(
  '--revision $asked, a template that names $template in a namespace that names $namespace: injected by "$by"',
  async ({ asked, by, ...labels }) => {
    const stdin = manifests(labels);
    const flags = asked === undefined ? [] : ['--revision', asked];
    const run = (command: string): ReturnType<typeof runSvidecar> =>
      runSvidecar([command, ...flags], { stdin });
    const { code, out } = await run('inject');
    expect(code).toBe(0);
    const [before] = named(objectsIn(stdin), 'Deployment');
    const [after] = named(objectsIn(out), 'Deployment');
    expect(after).toEqual(injected(before ?? {}, { engine: engineOf(by) }));
    const status = statusOf(templateOf(after));
    expect(status?.revision).toBe(by === '' ? undefined : by);
    const names = namesIn(status);
    expect(madeIn(out)).toEqual(Object.fromEntries(names.map((name) => [name, by])));

    const again = await runSvidecar(['inject', ...flags], { stdin: out });
    expect([again.code, again.out]).toEqual([0, out]);
    expect((await runSvidecar(['uninject'], { stdin: out })).out).toBe(stdin);
    expect((await run('diff')).out).toContain(names[0]);
    const check = await runSvidecar(['check', '-', ...flags], { stdin: out });
    expect(check.out).not.toContain('which is not there');
    await expectTold(labels, { flags, by });
  },
);

/** Explain says whom labels name, where nobody was asked for. */
async function expectTold(
  labels: Labels,
  { flags, by }: { readonly flags: readonly string[]; readonly by: string },
): Promise<void> {
  const { out } = await runSvidecar(['explain', ...flags], { stdin: manifests(labels) });
  expect(out.includes(`names revision ${by}`)).toBe(by !== '' && flags.length === 0);
}

const left: readonly (Labels & { readonly asked?: string; readonly said: string })[] = [
  {
    asked: 'canary',
    template: 'stable',
    said: 'left alone: its label names revision stable, and this is revision canary',
  },
  {
    asked: 'canary',
    namespace: 'stable',
    said: "left alone: its namespace's label names revision stable, and this is revision canary",
  },
  { template: 'default', said: 'its label svidecar.dev/revision names "default"' },
  { template: '', said: 'its label svidecar.dev/revision names ""' },
  { asked: 'canary', template: 'A_b', said: 'its label svidecar.dev/revision names "A_b"' },
  { namespace: 'on', said: 'its namespace\'s label svidecar.dev/revision names "on"' },
  // What is no text: the API server refuses it, and stores null as an empty one.
  { template: null, said: 'its label svidecar.dev/revision names ""' },
  { template: 12, said: 'its label svidecar.dev/revision names "12"' },
  { template: { canary: 'canary' }, said: 'its label svidecar.dev/revision names "{' },
  { namespace: null, said: 'its namespace\'s label svidecar.dev/revision names ""' },
  { namespace: true, said: 'its namespace\'s label svidecar.dev/revision names "true"' },
  { asked: 'canary', template: 12, said: 'its label svidecar.dev/revision names "12"' },
  { asked: 'canary', namespace: ['canary'], said: 'svidecar.dev/revision names "["canary"]"' },
];

test.each(left)(
  '--revision $asked, a template that names $template in a namespace that names $namespace: left alone, and said',
  async ({ asked, said, ...labels }) => {
    const stdin = manifests(labels);
    const flags = asked === undefined ? [] : ['--revision', asked];
    const { code, out, err } = await runSvidecar(['inject', ...flags], { stdin });
    expect([code, out]).toEqual([0, stdin]);
    expect(err).toContain(said);
    expect(err).not.toContain('nothing to do');
    const diff = await runSvidecar(['diff', ...flags], { stdin });
    expect(diff.out).toBe('');
    expect((await runSvidecar(['explain', ...flags], { stdin })).out).toContain(said);
    // By the configuration of another one nothing is wrong with it.
    const wrong = stdin.replace('svidecar.dev/audience', 'svidecar.dev/nothing');
    const check = await runSvidecar(['check', '-', ...flags], { stdin: wrong });
    expect(check.out).not.toContain('ANNOTATION_UNKNOWN');
    expect(check.out).toContain(
      said.startsWith('left') ? 'not judged here, for another revision injects them' : said,
    );
  },
);

test('a namespace that is an empty text is that of the flag, as for kubectl', async () => {
  const text = manifests({ namespace: 'canary' });
  const stdin = text.replaceAll('namespace: shop', 'namespace: ""');
  expect(stdin).not.toBe(text);
  const { code, out } = await runSvidecar(['inject', '-n', 'shop'], { stdin });
  expect(code).toBe(0);
  const status = statusOf(templateOf(named(objectsIn(out), 'Deployment')[0]));
  expect(status?.revision).toBe('canary');
  expect(Object.keys(madeIn(out)).toSorted()).toEqual(namesIn(status).toSorted());
  // What is added names no namespace either.
  expect(out.slice(out.indexOf('# Made by'))).not.toContain('namespace:');
  const { err } = await runSvidecar(['inject'], { stdin });
  expect(err).toContain('name no namespace and "default" was assumed');
});

test.each([
  { namespace: 'default', code: 1 },
  { namespace: null, code: 1 },
  { namespace: 'canary', code: 0 },
])('check of a Namespace alone that names $namespace exits with $code', async (row) => {
  const [stdin = ''] = manifests(row).split('---\n');
  const { code, out } = await runSvidecar(['check', '-'], { stdin });
  expect(code).toBe(row.code);
  expect(out.includes('and no installation is called so')).toBe(row.code === 1);
});

test.each([
  { names: 'On', isRefused: true },
  { names: 'canary', isRefused: false },
])('of an object of a kind that is not changed here, and names $names', async (row) => {
  const stdin = manifests({ template: row.names })
    .replace('apiVersion: apps/v1', 'apiVersion: argoproj.io/v1alpha1')
    .replace('kind: Deployment', 'kind: Rollout');
  const { err } = await runSvidecar(['inject'], { stdin });
  expect(err).toContain('its pods are injected in the cluster');
  expect(err.includes('its pods would be refused: its label')).toBe(row.isRefused);
});

describe('one run for each revision', () => {
  const both = [
    manifests({ template: 'canary' }, 'one'),
    manifests({ template: 'stable' }, 'two'),
  ].join('---\n');
  const inject = async (stdin: string, ...flags: readonly string[]): Promise<string> =>
    (await runSvidecar(['inject', ...flags], { stdin })).out;

  test('gives what one run for all gives, in either order', async () => {
    const whole = await inject(both);
    expect(Object.values(madeIn(whole)).toSorted()).toEqual([
      'canary',
      'canary',
      'stable',
      'stable',
    ]);
    const names = ['canary', 'stable'];
    for (const [first = '', second = ''] of [names, names.toReversed()]) {
      const after = await inject(await inject(both, '--revision', first), '--revision', second);
      expect(objectsIn(after)).toEqual(objectsIn(whole));
    }
  });
});

test('a Namespace that names nobody after one that did counts, as it does for kubectl', async () => {
  const stdin = [manifests({ namespace: 'canary' }), manifests({})].join('---\n');
  const { out } = await runSvidecar(['inject'], { stdin });
  expect(statusOf(templateOf(named(objectsIn(out), 'Deployment')[0]))?.revision).toBeUndefined();
});

test('an Envoy configuration off Kubernetes has no revision', async () => {
  const { code, err } = await runSvidecar(['inject', '--envoy-file', 'x', '--revision', 'canary']);
  expect(code).toBe(2);
  expect(err).toContain('--revision is for manifests');
});
