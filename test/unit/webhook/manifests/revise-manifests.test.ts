/** Two installations from the same manifests: no object is both's. */
import { globSync, readFileSync } from 'node:fs';
import { parseAllDocuments, stringify } from 'yaml';
import { expect, test } from 'vitest';
import { isObject, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import {
  manifestsOfRevision,
  sharedLease,
} from '../../../../webhook/manifests/revise-manifests.ts';
import { defaultHooksName, revisionFault } from '../../../../webhook/request/revision.ts';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const files = [
  'base/rbac',
  'base/rbac-certificates',
  'base/deployment',
  'base/service',
  'base/webhooks',
  'base/guard',
  'base/own-writes',
  'base/namespace',
  'components/cert-manager/authority',
  'components/cert-manager/certificate',
  'components/network-policy/network-policy',
  'components/monitoring/service-monitor',
  'components/spire-registration/rbac',
];

/** As kustomize labels them. */
const own = {
  'app.kubernetes.io/name': 'svidecar',
  'app.kubernetes.io/component': 'webhook',
};
const all = files
  .flatMap((file) => parseAllDocuments(readFileSync(`manifests/kustomize/${file}.yaml`, 'utf8')))
  .map((document) => document.toJS() as unknown)
  .filter(isObject)
  .map((object): JsonObject => {
    return { ...object, metadata: { ...objectAt(object, 'metadata'), labels: own } };
  });

function idOf(object: JsonObject): string {
  return `${stringAt(object, 'kind') ?? ''} ${stringAt(objectAt(object, 'metadata'), 'name') ?? ''}`;
}

const canary = manifestsOfRevision(all, 'canary');
const text = JSON.stringify(canary);

test('each object has a name and a label of the revision, and the Namespace is left out', () => {
  expect(canary.length).toBe(all.length - 1);
  for (const object of canary) {
    expect(idOf(object)).toMatch(/-canary$/);
    expect(objectAt(objectAt(object, 'metadata'), 'labels')).toMatchObject({
      'app.kubernetes.io/component': 'webhook-canary',
      'svidecar.dev/revision': 'canary',
    });
  }
});

test('nothing names an object of the installation without a name, but for what is everybody’s', () => {
  const foreign = new Set(all.map((object) => idOf(object).split(' ')[1]));
  const named = [
    ...text.matchAll(/"(?:name|policyName|secretName|serviceAccountName)":"(svidecar[-a-z]*)"/g),
  ];
  expect(named.length).toBeGreaterThan(30);
  expect(named.map(([, name]) => name).filter((name) => foreign.has(name))).toEqual([]);
  const rights = [...text.matchAll(/"resourceNames":\[([^\]]*)\]/g)].map(([, each]) => each);
  expect(rights).toEqual([
    '"svidecar-tls-canary"',
    '"svidecar-canary"',
    '"svidecar-workloads-canary","svidecar-pods-canary","svidecar-default"',
    '"svidecar-registrations"',
  ]);
});

test('what it may write itself is its own, and it is told its name', () => {
  expect(text).toContain("'system:serviceaccount:svidecar:svidecar-canary'");
  expect(text).toContain("variables.name == 'svidecar-tls-canary'");
  expect(text).toContain("['svidecar-canary', 'svidecar-registrations']");
  expect(text).toContain('"--namespace=$(POD_NAMESPACE)","--revision=canary"');
  expect(text).toContain('"svidecar-canary.svidecar.svc"');
  expect(text).not.toContain('svidecar.svidecar.svc');
});

/** All objects that manifests name, those that the program makes, and what is everybody's. */
const bases = globSync('manifests/kustomize/{base,components}/**/*.yaml')
  .flatMap((file) => parseAllDocuments(readFileSync(file, 'utf8')))
  .map((document) => document.toJS() as unknown)
  .filter(isObject)
  .map((object) => stringAt(objectAt(object, 'metadata'), 'name') ?? '')
  .filter((name) => name.startsWith('svidecar'))
  .concat('svidecar-tls', sharedLease, defaultHooksName);

/** With which a base name becomes another one. */
const ends = new Set(
  bases.flatMap((name) =>
    bases
      .filter((other) => other.startsWith(`${name}-`))
      .map((other) => other.slice(name.length + 1)),
  ),
);
// The service for bans is never a revision's, so nothing is made of its name.
ends.delete('service');

test('no allowed revision makes another object’s name of a name, nor another revision’s', () => {
  expect(ends.size).toBeGreaterThan(20);
  const allowed = [...ends].filter((end) => revisionFault(end) === undefined);
  const begun = [...ends].filter((end) => revisionFault(`${end}-b`) === undefined);
  expect([...allowed, ...begun]).toEqual([]);
});

test('manifests with an object more are refused where a name would be its', () => {
  const more = { ...all[0], metadata: { ...objectAt(all[0], 'metadata'), name: 'svidecar-own' } };
  expect(() => manifestsOfRevision([...all, more], 'own')).toThrow(
    'svidecar would become svidecar-own, which is another object',
  );
  expect(manifestsOfRevision([...all, more], 'canary')).toHaveLength(all.length);
});

const containers: readonly (readonly [string, Json, string])[] = [
  ['none', [], 'no container is called webhook'],
  ['another name', [{ name: 'svidecar' }], 'no container is called webhook'],
  ['no list', 'webhook', 'no container is called webhook'],
  ['args as a text', [{ name: 'webhook', args: 'serve' }], 'args of its container webhook'],
];
test.each(containers)('a Deployment with %s as containers is refused', (_name, list, why) => {
  const metadata = { name: 'mine', labels: own };
  const spec = { template: { spec: { containers: list } } };
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec };
  expect(() => manifestsOfRevision([deployment], 'canary')).toThrow(`Deployment mine: ${why}`);
});

function rendered(...lines: readonly string[]): ReturnType<typeof runSvidecar> {
  const head = 'kind: ConfigMap\nmetadata:\n  name: svidecar\n  labels:';
  const labels = Object.entries(own).map(([key, value]) => `    ${key}: ${value}`);
  const stdin = [head, ...labels, ...lines].join('\n');
  return runSvidecar(['revision', 'render', 'canary', '-'], { stdin });
}

test.each([
  ['inside its own anchor', 'data: &a {b: *a}'],
  ['of no anchor', 'data: *a'],
  [
    'that multiply',
    `a0: &a0 [${'x,'.repeat(99)}]\na1: &a1 [${'*a0,'.repeat(99)}]\na2: [${'*a1,'.repeat(99)}]`,
  ],
])('aliases %s are wrong input, and no mistake of svidecar’s own', async (_name, line) => {
  const { code, out, err } = await rendered(line);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain('[TEXT_UNPARSABLE]');
});

test('texts that kubectl would read as other types are quoted', async () => {
  const texts = ['on', 'yes', 'null', '12', '0x1f', '1e3', 'y'];
  const { out } = await rendered(
    `data: {${texts.map((text, at) => `k${at}: "${text}"`).join(', ')}}`,
  );
  for (const [at, text] of texts.entries()) expect(out).toContain(`k${at}: "${text}"\n`);
});

interface Input {
  readonly name: string;
  readonly objects: readonly JsonObject[];
  /** Beginning of what standard error says; a refusal where nothing is printed. */
  readonly said: string;
  /** How many objects come out. */
  readonly count: number;
}

const labelled = (labels: JsonObject, more: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'some', labels, ...more },
});
const list = (items: readonly JsonObject[], kind = 'List'): JsonObject => ({
  apiVersion: 'v1',
  kind,
  items,
});
const ours = all.length - 1;
const notice = 'left out: Namespace svidecar: all revisions share it\n';
const inputs: readonly Input[] = [
  { name: 'as kustomize prints them', objects: all, said: notice, count: ours },
  { name: 'in a List', objects: [list(all)], said: notice, count: ours },
  {
    name: 'in Lists, one in another',
    objects: [list([list(all.slice(3)), ...all.slice(0, 3)])],
    said: notice,
    count: ours,
  },
  {
    name: 'in a List of one kind',
    objects: [list([labelled(own)], 'ConfigMapList')],
    said: '',
    count: 1,
  },
  {
    name: 'already revised',
    objects: canary,
    said: 'stdin: ServiceAccount svidecar-canary is of revision canary already; give it',
    count: 0,
  },
  {
    name: 'revised in part, in a List',
    objects: [list([...all, ...canary])],
    said: 'ServiceAccount svidecar-canary is of revision canary already; give it',
    count: 0,
  },
  {
    name: 'of a cluster',
    objects: [labelled(own, { uid: 'u-1' })],
    said: 'stdin: ConfigMap some is as a cluster has stored it (metadata.uid)',
    count: 0,
  },
  {
    name: 'beside others’',
    objects: [...all, labelled({}), labelled({ 'app.kubernetes.io/component': 'webhook' })],
    said: `${notice}left out: ConfigMap some, ConfigMap some: not svidecar's (no label app.kubernetes.io/name: svidecar), apply it by itself\n`,
    count: ours,
  },
  {
    name: 'beside a stored object of somebody else',
    objects: [labelled(own), labelled({}, { uid: 'u-1' })],
    said: "left out: ConfigMap some: not svidecar's",
    count: 1,
  },
  {
    name: 'beside the service for bans',
    objects: [labelled(own), labelled({ ...own, 'app.kubernetes.io/component': 'bans' })],
    said: 'left out: ConfigMap some: all revisions share it\n',
    count: 1,
  },
  {
    name: 'of another project’s webhook alone',
    objects: [labelled({ ...own, 'app.kubernetes.io/name': 'webhook' })],
    said: "none of these objects is the injector's (labels",
    count: 0,
  },
  { name: 'that are none', objects: [{ a: 1 }], said: 'none of these objects', count: 0 },
];
test.each(inputs)('manifests $name', async ({ objects, said, count }) => {
  for (const stdin of [
    objects.map((object) => JSON.stringify(object)).join('\n---\n'),
    objects.map((object) => stringify(object)).join('---\n'),
  ]) {
    const { code, out, err } = await runSvidecar(['revision', 'render', 'next', '-'], { stdin });
    expect(err).toContain(said);
    if (said === '') expect(err).toBe('');
    expect(code).toBe(count === 0 ? 2 : 0);
    const printed = parseAllDocuments(out).map((document) => document.toJS() as unknown);
    expect(printed.filter(isObject)).toHaveLength(count);
    for (const object of printed.filter(isObject)) expect(idOf(object)).toMatch(/-next$/);
  }
});

test('svidecar check finds nothing wrong with an installation’s own objects', async () => {
  const stdin = canary.map((object) => stringify(object)).join('---\n');
  const { out, code } = await runSvidecar(['check', '-', '-q'], { stdin });
  expect({ out, code }).toEqual({ out: '', code: 0 });
});

test('in another namespace nothing names the usual one', () => {
  // What kustomize's member `namespace` changes, and what it does not.
  const moved = all.map((object) => {
    const metadata = objectAt(object, 'metadata');
    if (metadata['namespace'] === undefined) return object;
    return { ...object, metadata: { ...metadata, namespace: 'platform' } };
  });
  const authority = { 'cert-manager.io/inject-ca-from': 'svidecar/svidecar-serving' };
  const hooks = labelled(own, { annotations: authority });
  const rendered = JSON.stringify(manifestsOfRevision([...moved, hooks], 'canary'));
  expect(rendered).toContain("'system:serviceaccount:platform:svidecar-canary'");
  expect(rendered).toContain('"svidecar-canary.platform.svc"');
  expect(rendered).toContain('"platform/svidecar-serving-canary"');
  expect(rendered).toContain('["kube-system","platform"]');
  const usual =
    /.{30}(?:serviceaccount:svidecar|\.svidecar\.svc|"svidecar\/(?!webhook:)|,"svidecar"\])/g;
  expect(rendered.match(usual)).toBeNull();
});

test.each([
  'pods',
  'marks',
  'marks-b',
  'deny',
  'null',
  'true',
  'on',
  'y',
  '12',
  '0x1f',
  '1e3',
  '1e-3',
  'tls',
  'ca-bundles-2',
  'default',
  'Canary',
  '-a',
  'a-',
  '',
  'a'.repeat(41),
  'a.b',
  'a/b',
])('%j is no name of a revision', (name) => {
  expect(revisionFault(name)).toBeDefined();
});

test.each(['canary', '1-20-1', '2026-11-30', 'marksman', 'one', '12a', 'podsy', 'v2', 'a'])(
  '%j is one',
  (name) => {
    expect(revisionFault(name)).toBeUndefined();
  },
);
