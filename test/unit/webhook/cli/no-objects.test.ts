/** Documents that are no objects of Kubernetes: each command says which, and none changes them. */
import { describe, expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';
import { manifestReaders } from '../../../fakes/manifest-readers.ts';

const between = '# before\nkind: A\n---\n\n# a remark\nhello\n---\nkind: B\n';

describe.each(manifestReaders)('svidecar %s', (command) => {
  const flags = command === 'dev' ? ['--stand-in'] : [];
  const run = (stdin: string): ReturnType<typeof runSvidecar> =>
    runSvidecar([...command.split(' '), ...flags, '-'], { stdin });

  test('says which document is no object, with its line', async () => {
    const { code, err } = await run(between);
    expect(code).toBe(1);
    expect(err).toContain(
      'stdin:6: document 2 is a text, no object of Kubernetes; remove it, or write the object that was meant [TEXT_UNPARSABLE]\n',
    );
    expect(err).not.toMatch(/nothing to (do|judge)/);
  });

  test('says which item of a List is no object, as kubectl takes nothing of such a List', async () => {
    const { code, out, err } = await run(
      'kind: List\nitems:\n  - {kind: A}\n  -\n    - {kind: B}\n',
    );
    expect(code).toBe(1);
    expect(err).toContain(
      'stdin:5: items[1] in document 1 is a list, no object of Kubernetes, so kubectl takes nothing of the List; ',
    );
    expect(out + err).not.toMatch(/nothing to (do|judge)|no workload asks/);
  });

  test('claims nothing about what it could not read', async () => {
    for (const stdin of ['hello\n', 'kind: [\n']) {
      const { code, out, err } = await run(stdin);
      expect(code).toBe(1);
      expect(err).toContain('[TEXT_UNPARSABLE]');
      expect(out + err).not.toMatch(/There is no workload|nothing to (do|judge)|no workload asks/);
    }
  });
});

test.each([
  ['hello', 'a text, no object of Kubernetes'],
  ['"kind: A"', 'a text, no object of Kubernetes'],
  ['[1, 2]', 'a list, no object of Kubernetes'],
  ['- kind: A', 'a list, no object of Kubernetes'],
  ['12', 'a number, no object of Kubernetes'],
  ['true', 'a boolean, no object of Kubernetes'],
  ['<html><body>404</body></html>', 'no manifest; it looks like a page of the web'],
  ['<p style="color: red">404</p>', 'no manifest; it looks like a page of the web'],
  ['<?xml version="1.0"?>', 'no manifest; it looks like a page of the web'],
])('%s is told to be %s', async (text, words) => {
  const { code, out, err } = await runSvidecar(['inject', '-'], { stdin: text });
  expect([code, out]).toEqual([1, text]);
  expect(err).toContain(`stdin:1: document 1 is ${words}`);
});

test.each([
  ['[null]', 'items[0]', 'empty'],
  ['[{kind: A}, text]', 'items[1]', 'a text'],
  ['[{kind: A}, {kind: PodList, items: [{kind: B}, 1]}]', 'items[1].items[1]', 'a number'],
])('of a List with %s, %s is told to be %s', async (items, where, what) => {
  const stdin = `kind: List\nitems: ${items}\n`;
  const { code, err } = await runSvidecar(['inject', '-'], { stdin });
  expect(code).toBe(1);
  expect(err).toContain(`stdin:2: ${where} in document 1 is ${what}, no object of Kubernetes`);
});

test('a List without items is one object, or none', async () => {
  for (const items of ['[]', 'null', '{}'])
    expect(
      (await runSvidecar(['inject', '-'], { stdin: `kind: List\nitems: ${items}\n` })).code,
    ).toBe(0);
});

test('so is a page of the web that is no YAML', async () => {
  const stdin = '<!DOCTYPE html>\n<html>\n<body style="color: red">404</body></html>\n';
  const { code, err } = await runSvidecar(['explain', '-'], { stdin });
  expect(code).toBe(1);
  expect(err).toMatch(/^stdin:1:1: .*; it looks like a page of the web/);
});

test.each(['inject', 'uninject'])('%s passes it on, byte for byte', async (command) => {
  const { out } = await runSvidecar([command, '-'], { stdin: between });
  expect(out).toBe(between);
});

test.each(['inject', 'uninject'])('%s -o json leaves it out of the List', async (command) => {
  const { code, out } = await runSvidecar([command, '-o', 'json', '-'], { stdin: between });
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ items: [{ kind: 'A' }, { kind: 'B' }] });
});

test.each(['', '\n', '# nothing\n', '---\n---\n', '---\nkind: A\n---\n', 'null\n', '~\n'])(
  'an empty document is none of them: %j',
  async (stdin) => {
    const { code, out, err } = await runSvidecar(['inject', '-'], { stdin });
    expect([code, out]).toEqual([0, stdin]);
    expect(err).not.toContain('[');
  },
);

test('an object with a merge key in its first line is one', async () => {
  const stdin = '<<: {kind: A}\n';
  expect((await runSvidecar(['inject', '-'], { stdin })).code).toBe(0);
});
