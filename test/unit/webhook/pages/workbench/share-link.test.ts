import { deflateRawSync, inflateRawSync } from 'node:zlib';
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
  return madeOf(Buffer.from(JSON.stringify({ ...question, ...over })));
}

function madeOf(bytes: Buffer): string {
  return `#v1.${deflateRawSync(bytes).toString('base64url')}`;
}

test('a link carries what was put in', async () => {
  const reading = await readFragment(await fragmentOf(question), minors);
  expect(reading).toEqual({ kind: 'read', question, remarks: [] });
});

test('a link has letters, digits, - and _ only, whatever is in it', async () => {
  const fragments = await Promise.all(
    Array.from({ length: 40 }, async (_, at) => {
      const asked = { ...question, configuration: `x: ${at ** 9}` };
      const fragment = await fragmentOf(asked);
      expect(await readFragment(fragment, minors)).toMatchObject({ question: asked });
      return fragment;
    }),
  );
  for (const fragment of fragments) expect(fragment).toMatch(/^#v1\.[\w-]+$/);
  expect(fragments.join('')).toMatch(/[-_]/);
});

test('only what the link is for is in it', async () => {
  const [file] = question.files;
  const kept = {
    ...question,
    files: [{ ...file, name: 'a.yaml', text: 'a', open: true }],
    more: 1,
  };
  const packed = (await fragmentOf(kept)).slice('#v1.'.length);
  expect(JSON.parse(inflateRawSync(Buffer.from(packed, 'base64url')).toString())).toEqual({
    ...question,
    files: [{ name: 'a.yaml', text: 'a' }],
  });
});

test.each(['', '#'])('an address that ends with %j carries nothing', async (fragment) => {
  expect(await readFragment(fragment, minors)).toEqual({ kind: 'none' });
});

test('a text of several bytes a character is read whole, however it is cut into chunks', async () => {
  const asked = { ...question, files: [{ name: 'a', text: '€'.repeat(200_000) }] };
  const reading = await readFragment(await fragmentOf(asked), minors);
  const [file] = reading.kind === 'read' ? reading.question.files : [];
  expect(file?.text === asked.files[0]?.text).toBe(true);
});

test('bytes that are no UTF-8, or end within a character, were not written here', async () => {
  const [before = '', after = ''] = JSON.stringify(question).split('ünï');
  const strange = Buffer.concat([Buffer.from(before), Buffer.from([0xff]), Buffer.from(after)]);
  const open = Buffer.concat([Buffer.from(JSON.stringify(question)), Buffer.from([0xc3])]);
  for (const bytes of [strange, open])
    expect(await readFragment(madeOf(bytes), minors)).toEqual({ kind: 'broken' });
});

test('more text than a link of this page holds is not read', async () => {
  const text = ' '.repeat(9 * 1024 * 1024);
  const { kind } = await readFragment(made({ files: [{ name: 'a', text }] }), minors);
  expect(kind).toBe('broken');
});

test.each([
  { configuration: 1 },
  { configuration: undefined },
  { namespace: null },
  { namespace: undefined },
  { files: 'a' },
  { files: undefined },
  { files: [] },
])('a link with %j was not made here', async (over) => {
  expect(await readFragment(made(over), minors)).toEqual({ kind: 'broken' });
});

test('what is no file is left out', async () => {
  const text = 'a: 1';
  const long = 'n'.repeat(1_024);
  const strange = [
    null,
    'a',
    { name: 'a' },
    { text },
    { name: 1, text },
    { name: `${long}n`, text },
  ];
  expect(await readFragment(made({ files: [...strange, { name: long, text }] }), minors)).toEqual({
    kind: 'read',
    question: { ...question, files: [{ name: long, text }] },
    remarks: [],
  });
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
  for (const count of [maxLinkFiles + 1, 300_000])
    expect((await readFragment(made({ files: files(count) }), minors)).kind).toBe('broken');
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
