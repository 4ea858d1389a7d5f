/** The workbench says what the command line says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { jsonText } from '#kernel/text.ts';
import { helperVersion } from '../../../../sidecar/helper/version.ts';
import { settingKeys } from '../../../../webhook/request/metadata-keys.ts';
import { settingFault } from '../../../../webhook/request/read-annotations.ts';
import { annotationFields } from '../../../../webhook/workbench/annotation-fields.ts';
import { Workbench } from '../../../../webhook/workbench/workbench.ts';
import type {
  WorkbenchQuestion,
  WorkbenchResult,
} from '../../../../webhook/workbench/workbench-model.ts';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const root = join(import.meta.dirname, '../../../..');
const templates = Object.fromEntries(
  readdirSync(join(root, 'templates')).map((name) => [
    name,
    readFileSync(join(root, 'templates', name, 'template.yaml'), 'utf8'),
  ]),
);
const workbench = new Workbench({ templates, version: helperVersion, now: () => 0 });

function questionOf(...texts: readonly string[]): WorkbenchQuestion {
  const files = texts.map((text, at) => ({ name: `${at}.yaml`, text }));
  return { files, configuration: '', namespace: 'default', kubernetesMinor: 36 };
}

function resultOf(question: WorkbenchQuestion): WorkbenchResult {
  const answer = workbench.answer(question);
  if (answer.kind !== 'answered') throw new TypeError(answer.message);
  return answer;
}

const mistaken = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    metadata:
      annotations:
        inject.svidecar.dev/templates: jwt-inject
        svidecar.dev/audiense: x
    spec: {containers: [{name: app, image: "app:1"}]}
`;

describe('the same words as the command line', () => {
  const demo = ['frontend', 'backend'].map((name) => `manifests/demo/${name}.yaml`);
  const inputs = [
    [...demo],
    ['test/golden/cli/check.input.yaml'],
    ['manifests/demo/frontend.yaml'],
  ];

  test.each(inputs)('for %s', async (...paths) => {
    const files = paths.map((name) => ({ name, text: readFileSync(join(root, name), 'utf8') }));
    const result = resultOf({ ...questionOf(), files });
    expect(result.injected).toBe((await runSvidecar(['inject', ...paths])).out);
    expect(result.differences).toBe((await runSvidecar(['diff', ...paths])).out);
    expect(result.entries).toBe((await runSvidecar(['render', 'entries', ...paths])).out);
    expect(jsonText(result.records)).toBe(
      (await runSvidecar(['explain', '-o', 'json', ...paths])).out,
    );
    const check = await runSvidecar(['check', '-o', 'json', ...paths]);
    // What it prints, of which `checks` is a part.
    const { checks } = JSON.parse(check.out) as { checks: readonly object[] };
    expect(checks).toMatchObject(JSON.parse(JSON.stringify(result.report.checks)) as object[]);
  });
});

describe('lines', () => {
  test('of a refusal: the key that is wrong', () => {
    const { marks } = resultOf(questionOf(mistaken));
    const here = marks.filter(({ line }) => line === 10);
    expect(here).toMatchObject([{ file: '0.yaml', severity: 'error' }]);
    expect(here[0]?.message).toContain('did you mean svidecar.dev/audience?');
  });

  test('of a text that cannot be read', () => {
    const { marks, problems } = resultOf(questionOf('a: 1\n---\nb: [1\n'));
    expect(marks.map(({ file, severity }) => [file, severity])).toEqual([['0.yaml', 'error']]);
    expect(marks[0]?.line).toBeGreaterThan(2);
    expect(problems.map(({ code }) => code)).toEqual(['TEXT_UNPARSABLE']);
  });

  test('of a configuration that cannot be used', () => {
    const answer = workbench.answer({
      ...questionOf(mistaken),
      configuration: 'trustDomain: example.org\nfoo: [\n',
    });
    expect(answer).toMatchObject({ kind: 'unusable', code: 'CONFIG_INVALID' });
    expect(answer.kind === 'unusable' ? answer.line : undefined).toBeGreaterThan(1);
  });
});

test('another configuration is another engine', () => {
  const question = questionOf(readFileSync(join(root, 'manifests/demo/frontend.yaml'), 'utf8'));
  const first = resultOf(question);
  const other = resultOf({ ...question, configuration: 'trustDomain: other.example\n' });
  expect(other.entries).toContain('spiffe://other.example/');
  expect(first.entries).not.toContain('other.example');
  expect(resultOf(question).injected).toBe(first.injected);
});

test('the form has a field for each setting, with words and an example that is allowed', () => {
  const fields = annotationFields(readFileSync(join(root, 'docs/annotations.md'), 'utf8'));
  expect(fields.map(({ setting }) => setting).sort()).toEqual([...settingKeys]);
  for (const { setting, section, values, example, choices } of fields) {
    expect([setting, section, values].every((text) => text !== '')).toBe(true);
    if (example !== '') expect(settingFault(setting, example.replaceAll('"', ''))).toBeUndefined();
    for (const choice of choices ?? []) expect(settingFault(setting, choice)).toBeUndefined();
  }
});

test('what a workload may set follows its templates', () => {
  const [workload] = resultOf(questionOf(mistaken)).workloads;
  expect(workload?.reads).toContain('audience');
  expect(workload?.reads).not.toContain('ban-claims');
  expect(workload?.annotations).toEqual({
    'inject.svidecar.dev/templates': 'jwt-inject',
    'svidecar.dev/audiense': 'x',
  });
});
