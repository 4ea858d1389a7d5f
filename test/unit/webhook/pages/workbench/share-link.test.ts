import { deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import {
  fragmentOf,
  maxLinkFiles,
  readFragment,
} from '../../../../../webhook/pages/workbench/share-link.ts';

const minors = [36, 35, 34];
const question = {
  files: [{ name: 'a.yaml', text: 'a: ünïcode' }],
  configuration: 'x: 1',
  namespace: 'shop',
  kubernetesMinor: 35,
};

/** As somebody else would make one. */
function made(over: object): string {
  return `#v1.${deflateRawSync(JSON.stringify({ ...question, ...over })).toString('base64url')}`;
}

test('a link carries what was put in', async () => {
  const reading = await readFragment(await fragmentOf(question), minors);
  expect(reading).toEqual({ kind: 'read', question, remarks: [] });
});

test.each([-1, 1.5, 1e308, null, '35'])('a Kubernetes of %s was not made here', async (minor) => {
  expect(await readFragment(made({ kubernetesMinor: minor }), minors)).toEqual({ kind: 'broken' });
});

test.each([
  [20, 34],
  [99, 36],
])(
  'a Kubernetes 1.%i that cannot be chosen is the nearest, 1.%i, and told',
  async (asked, taken) => {
    expect(await readFragment(made({ kubernetesMinor: asked }), minors)).toEqual({
      kind: 'read',
      question: { ...question, kubernetesMinor: taken },
      remarks: [
        `The link is for Kubernetes 1.${asked}, which cannot be chosen here: 1.${taken} is.`,
      ],
    });
  },
);

test('files of one name, and of none, are told apart', async () => {
  const names = ['a.yaml', 'a.yaml', 'a-2.yaml', 'a.yaml', ' ', '', 'b', 'b', '__proto__'];
  const files = names.map((name) => ({ name, text: name }));
  const reading = await readFragment(made({ files }), minors);
  const read = reading.kind === 'read' ? reading.question.files : [];
  expect(read.map(({ text }) => text)).toEqual(names);
  expect(read.map(({ name }) => name)).toEqual([
    'a.yaml',
    'a-2.yaml',
    'a-2-2.yaml',
    'a-3.yaml',
    'manifest.yaml',
    'manifest-2.yaml',
    'b',
    'b-2',
    '__proto__',
  ]);
});

test('more files than a link of this page holds are none', async () => {
  const files = (count: number) => Array.from({ length: count }, () => ({ name: 'a', text: '' }));
  expect((await readFragment(made({ files: files(maxLinkFiles) }), minors)).kind).toBe('read');
  expect((await readFragment(made({ files: files(300_000) }), minors)).kind).toBe('broken');
});

test('a blank namespace is the usual one, as in the field', async () => {
  expect(await readFragment(made({ namespace: ' ' }), minors)).toMatchObject({
    question: { namespace: 'default' },
  });
});

test('a link of another version of the page is told apart from one that is cut off', async () => {
  const kinds = await Promise.all(
    ['#v2.abc', '#v10.', '#v1.abc', '#v', '#x'].map(
      async (text) => (await readFragment(text, minors)).kind,
    ),
  );
  expect(kinds).toEqual(['foreign', 'foreign', 'broken', 'broken', 'broken']);
});
