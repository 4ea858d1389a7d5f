/** A document that cannot be edited is left out as a whole, and nothing is told of it that did not happen. */
import { expect, test } from 'vitest';
import { isObject, objectAt } from '#kernel/json.ts';
import { parseText } from '../../../../webhook/editing/parse-text.ts';
import { injectTexts } from '../../../../webhook/manifests/inject-texts.ts';
import { uninjectTexts } from '../../../../webhook/manifests/uninject-texts.ts';
import { engineFor } from '../../../fakes/engine.ts';

const options = { engine: engineFor(), namespace: 'shop' };

function list(annotations: string): string {
  return `apiVersion: v1
kind: List
items:
  - &first
    apiVersion: v1
    kind: Pod
    metadata:
      name: first
      annotations: ${annotations}
    spec:
      containers: [{ name: app, image: app }]
  - <<: *first
`;
}

const other = `apiVersion: v1
kind: Pod
metadata:
  name: other
  annotations: { inject.svidecar.dev/templates: spiffe-socket }
spec:
  containers: [{ name: app, image: app }]
`;

test('inject tells of the problem alone, and of what it did to other documents', () => {
  const text = `${list('{ inject.svidecar.dev/templates: spiffe-socket }')}---\n${other}`;
  const done = injectTexts([{ name: 'pods.yaml', text }], options);
  expect(done.problems.map(({ error }) => error.code)).toEqual(['EDIT_IMPOSSIBLE']);
  expect(done.problems[0]?.error.message).toContain('comes from a merge key');
  expect(done.text).not.toContain('first');
  expect(done.outcomes.map(({ located, decision }) => [located.name, decision.kind])).toEqual([
    ['other', 'injected'],
  ]);
});

test('uninject does, too', () => {
  const injected = injectTexts([{ name: 'pods.yaml', text: other }], options).text;
  const [object] = parseText(injected, 'pods.yaml');
  const annotations = objectAt(objectAt(isObject(object) ? object : {}, 'metadata'), 'annotations');
  const text = `${list(JSON.stringify(annotations))}---\n${injected}`;
  const undone = uninjectTexts([{ name: 'pods.yaml', text }], 'shop');
  expect(undone.problems.map(({ error }) => error.message)).toEqual([
    expect.stringContaining('comes from a merge key'),
  ]);
  expect(undone.text).not.toContain('first');
  expect(undone.workloads.map(({ name }) => name)).toEqual(['Pod shop/other']);
});
