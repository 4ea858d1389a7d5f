/** The kinds of workloads, as the code lists them, and as RBAC, hooks, the guard and the documentation name them. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { isPod, workloadKinds, type WorkloadKind } from '../../../webhook/objects/kinds.ts';

const base = 'manifests/kustomize/base';
const pods = workloadKinds.filter(isPod);
const workloads = workloadKinds.filter((kind) => !isPod(kind));

function objectsIn(file: string): readonly JsonObject[] {
  return parseAllDocuments(readFileSync(`${base}/${file}`, 'utf8'))
    .map((document) => document.toJS() as unknown)
    .filter(isObject);
}

const hooks = objectsIn('webhooks.yaml').flatMap((each) =>
  listAt(each, 'webhooks').filter(isObject),
);
const guard = objectsIn('guard.yaml');

/** The one of that name. */
function named(list: readonly unknown[], name: string): JsonObject {
  const found = list.find((each) => isObject(each) && each['name'] === name);
  expect(found, `nothing is named ${name}`).toBeDefined();
  return isObject(found) ? found : {};
}

function namesAt(rule: JsonObject, list: string): readonly string[] {
  return listAt(rule, list).filter((name) => typeof name === 'string');
}

/** `group/version/resource`, for each that the rules name. */
function resourcesOf(rules: readonly unknown[]): readonly string[] {
  return rules
    .filter(isObject)
    .flatMap((rule) =>
      namesAt(rule, 'apiGroups').flatMap((group) =>
        namesAt(rule, 'apiVersions').flatMap((version) =>
          namesAt(rule, 'resources').map((resource) => `${group}/${version}/${resource}`),
        ),
      ),
    )
    .sort();
}

function resourcesOfKinds(kinds: readonly WorkloadKind[]): readonly string[] {
  return kinds
    .flatMap(({ group, versions, resource }) =>
      versions.map((version) => `${group}/${version}/${resource}`),
    )
    .sort();
}

test('no kind, and no resource, is there twice', () => {
  expect(new Set(workloadKinds.map(({ kind }) => kind)).size).toBe(workloadKinds.length);
  expect(new Set(workloadKinds.map(({ resource }) => resource)).size).toBe(workloadKinds.length);
});

test('a revision is one of a kind that is there', () => {
  const kinds = workloadKinds.map(({ kind }) => kind);
  const controllers = workloadKinds.flatMap(({ revisionOf }) => revisionOf ?? []);
  expect(kinds).toEqual(expect.arrayContaining([...new Set(controllers)]));
});

test('the webhook may list and watch all of them, and nothing else but what it keeps besides', () => {
  const roles = objectsIn('rbac.yaml').filter(({ kind }) => kind === 'ClusterRole');
  const watched = roles
    .flatMap((role) => listAt(role, 'rules').filter(isObject))
    .filter((rule) => ['list', 'watch'].every((verb) => namesAt(rule, 'verbs').includes(verb)))
    .flatMap((rule) =>
      namesAt(rule, 'apiGroups').flatMap((group) =>
        namesAt(rule, 'resources').map((resource) => `${group}/${resource}`),
      ),
    );
  const others = [
    '/namespaces',
    '/configmaps',
    'admissionregistration.k8s.io/mutatingwebhookconfigurations',
    'networking.istio.io/envoyfilters',
  ];
  const all = [...workloadKinds.map(({ group, resource }) => `${group}/${resource}`), ...others];
  expect(watched.sort()).toEqual(all.sort());
});

test.each([
  ['workloads.svidecar.dev', workloads],
  ['pods.svidecar.dev', pods],
  ['pod-updates.svidecar.dev', pods],
])('the hook %s is called for its kinds', (name, kinds) => {
  expect(resourcesOf(listAt(named(hooks, name), 'rules'))).toEqual(resourcesOfKinds(kinds));
});

/** Paths, as `spec.template`, that an expression takes from each object `o`. */
function pathsOfEach(expression: string): readonly string[] {
  return [...expression.matchAll(/\bo((?:\.\?\w+)+)/g)].map(([, path = '']) =>
    path.replaceAll('?', '').slice(1),
  );
}

/** Of one condition, variable or validation. */
function expressionOf(list: readonly unknown[], name: string): string {
  return stringAt(named(list, name), 'expression') ?? '';
}

test('the hook of workloads looks for keys of ours in the metadata of the object and of each template in it', () => {
  const hook = named(hooks, 'workloads.svidecar.dev');
  const expression = expressionOf(listAt(hook, 'matchConditions'), 'carries-a-key-of-svidecar');
  const wanted = workloads.flatMap(({ templatePath }) =>
    // spec.jobTemplate.spec.template: one template inside another.
    templatePath.flatMap((key, at) =>
      key === 'spec' ? [] : [[...templatePath.slice(0, at + 1), 'metadata'].join('.')],
    ),
  );
  expect([...pathsOfEach(expression)].sort()).toEqual(['metadata', ...new Set(wanted)].sort());
});

const guardPolicy = objectAt(
  guard.find(({ kind }) => kind === 'ValidatingAdmissionPolicy'),
  'spec',
);
const bindings = guard.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding');
const ruleList = 'resourceRules';

test('the guard looks at all of them', () => {
  const rules = listAt(objectAt(guardPolicy, 'matchConstraints'), ruleList);
  expect(resourcesOf(rules)).toEqual(resourcesOfKinds(workloadKinds));
});

test('each binding of the guard is for pods, or for all workloads', () => {
  const bound = bindings
    .map((binding) => objectAt(binding, 'spec'))
    .filter(({ policyName }) => policyName === 'svidecar-guard')
    .map((spec) => resourcesOf(listAt(objectAt(spec, 'matchResources'), ruleList)));
  const ofPods = resourcesOfKinds(pods);
  const ofWorkloads = resourcesOfKinds(workloads);
  expect(bound).toEqual([ofPods, ofPods, ofPods, ofWorkloads]);
});

/** What a chain of `request.resource.resource == 'x' ? dyn(object)… : dyn(object)…` takes, by resource; '' is its end. */
function choicesIn(expression: string): ReadonlyMap<string, string> {
  const text = expression.replaceAll(/\s+/g, ' ');
  const branch = /(?:resource == '(\w+)' \? |: )dyn\((?:object|oldObject)\)((?:\.\??\w+)*)/g;
  return new Map(
    [...text.matchAll(branch)].map(([, resource = '', path = '']) => [
      resource,
      path.replaceAll('?', '').slice(1),
    ]),
  );
}

test.each([
  ['matchConditions', 'asks-for-templates', ['metadata'], workloadKinds],
  ['matchConditions', 'is-not-on-the-nodes-network', ['spec'], workloadKinds],
  ['variables', 'template', [], workloadKinds],
  ['variables', 'annotationsBefore', ['metadata', 'annotations', 'orValue'], workloads],
] as const)("the guard's %s %s reads each kind's pod template", (...row) => {
  const [list, name, below, kinds] = row;
  const choices = choicesIn(expressionOf(listAt(guardPolicy, list), name));
  const found = kinds.map(({ resource }) => choices.get(resource) ?? choices.get(''));
  expect(found).toEqual(kinds.map(({ templatePath }) => [...templatePath, ...below].join('.')));
  const resources = kinds.map(({ resource }) => resource);
  expect(['', ...resources]).toEqual(expect.arrayContaining([...choices.keys()]));
});

test.each(['docs/cli.md', 'docs/templates.md'])('%s names each kind', (page) => {
  const text = readFileSync(page, 'utf8');
  for (const { kind } of workloadKinds) expect(text).toMatch(new RegExp(`\\b${kind}s?\\b`));
});
