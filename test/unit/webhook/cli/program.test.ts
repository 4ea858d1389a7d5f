import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'svidecar-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function deployment(name: string, annotations: readonly string[]): string {
  return [
    'apiVersion: apps/v1',
    'kind: Deployment',
    `metadata: {name: ${name}, namespace: shop}`,
    'spec:',
    '  template:',
    '    metadata:',
    '      annotations:',
    ...annotations.map((line) => `        ${line}`),
    '    spec:',
    '      containers:',
    '      - {name: app, image: "shop/app:1"}',
    '',
  ].join('\n');
}

const good = deployment('good', ['inject.svidecar.dev/templates: spiffe-socket']);
const bad = deployment('bad', [
  'inject.svidecar.dev/templates: spiffe-socket',
  'svidecar.dev/socket: pipe',
]);
const foreign = 'apiVersion: example.org/v1\nkind:   Thing # kept\n';

test('a path that is not there is told as such', async () => {
  const { code, err } = await runSvidecar(['inject', join(folder, 'shp/')]);
  expect([code, err]).toEqual([
    3,
    `${join(folder, 'shp/')}: there is no such file or folder [FILE_UNREADABLE]\n`,
  ]);
});

test('check does not read what is piped in without a word: it says how', async () => {
  const words = ['check', '--kubeconfig', join(folder, 'none')];
  const hint = 'to check manifests from standard input, write: svidecar check -';
  expect((await runSvidecar(words, { stdin: '' })).err).toContain(hint);
  expect((await runSvidecar(words)).err).not.toContain(hint);
});

describe('one bad document', () => {
  test('does not hide the others: it is left out, told of with its line, and the code is 1', async () => {
    const stdin = [foreign, bad, good].join('---\n');
    const { code, out, err } = await runSvidecar(['inject', '-'], { stdin });
    expect(code).toBe(1);
    expect(out.startsWith(`${foreign}---\n`)).toBe(true);
    expect(out).toContain('name: good');
    expect(out).toContain('SPIFFE_ENDPOINT_SOCKET');
    expect(out).not.toContain('name: bad');
    expect(err).toContain(
      'stdin:12: Deployment shop/bad: annotation svidecar.dev/socket: "pipe" is not allowed; write one of csi, hostPath [ANNOTATION_INVALID]',
    );
  });

  test('that cannot be parsed is told of with its line in the file', async () => {
    const stdin = `${foreign}---\na: [1\n---\n${good}`;
    const { code, out, err } = await runSvidecar(['inject'], { stdin });
    expect(code).toBe(1);
    expect(err).toMatch(/stdin:[45]:\d+: .*\[TEXT_UNPARSABLE\]/s);
    expect(out).toContain('name: good');
    expect(out).not.toContain('a: [1');
  });

  test('in a List is left out alone', async () => {
    const items = [bad, good].map((text) => `- ${text.trimEnd().replaceAll('\n', '\n  ')}\n`);
    const stdin = `apiVersion: v1\nkind: List\nitems:\n${items.join('')}`;
    const { code, out } = await runSvidecar(['inject'], { stdin });
    expect(code).toBe(1);
    expect(out).not.toContain('name: bad');
    expect(out).toContain('SPIFFE_ENDPOINT_SOCKET');
  });
});

describe('what is read', () => {
  test('a folder gives its manifests at any depth, sorted, without kustomization.yaml', async () => {
    mkdirSync(join(folder, 'b'));
    writeFileSync(join(folder, 'c.json'), '{"kind": "C"}');
    writeFileSync(join(folder, 'b', 'b.yml'), 'kind: B\n');
    writeFileSync(join(folder, 'a.yaml'), 'kind: A');
    writeFileSync(join(folder, 'kustomization.yaml'), 'resources: []\n');
    writeFileSync(join(folder, 'notes.txt'), 'no manifest');
    const { code, out } = await runSvidecar(['inject', folder]);
    expect(code).toBe(0);
    expect(out).toBe('kind: A\n---\nkind: B\n---\n{"kind": "C"}');
  });

  test('nothing at all is wrong usage', async () => {
    const { code, err } = await runSvidecar(['inject']);
    expect(code).toBe(2);
    expect(err).toContain('nothing to read');
  });

  test('a file that is not there is told of with code 3', async () => {
    const { code, err } = await runSvidecar(['inject', join(folder, 'absent.yaml')]);
    expect(code).toBe(3);
    expect(err).toContain('[FILE_UNREADABLE]');
  });
});

describe('what is said', () => {
  test.each([
    [['injct'], 'Did you mean inject?'],
    [['inject', '--namespac', 'x'], 'Did you mean --namespace?'],
    [['inject', '-o', 'xml', '-'], 'Allowed choices are yaml, json'],
  ])('%j is wrong usage, with a hint', async (words, hint) => {
    const { code, err } = await runSvidecar(words, { stdin: '' });
    expect(code).toBe(2);
    expect(err).toContain(hint);
  });

  test('a version of Kubernetes that is none is wrong usage', async () => {
    const words = ['inject', '--kubernetes-version', 'new'];
    const { code, err } = await runSvidecar(words, { stdin: good });
    expect(code).toBe(2);
    expect(err).toContain('write it as 1.36');
  });

  test('an assumed namespace is noted, since the SPIFFE ID contains it', async () => {
    const stdin = good.replace(', namespace: shop', '');
    const note = 'note: some workloads name no namespace';
    expect((await runSvidecar(['inject'], { stdin })).err).toContain(note);
    expect((await runSvidecar(['inject', '-n', 'shop'], { stdin })).err).not.toContain(note);
  });

  test('manifests without annotations are told to be left alone', async () => {
    const { code, out, err } = await runSvidecar(['inject'], { stdin: foreign });
    expect([code, out]).toEqual([0, foreign]);
    expect(err).toContain('nothing to do');
  });
});

describe('formats', () => {
  test('json is one List of everything', async () => {
    const stdin = `${good}---\n${foreign}`;
    const { out } = await runSvidecar(['inject', '-o', 'json'], { stdin });
    expect(JSON.parse(out)).toMatchObject({
      kind: 'List',
      items: [{ kind: 'Deployment' }, { kind: 'Thing' }],
    });
  });

  test('explain of what cannot be read does not say that there is no workload', async () => {
    const broken = await runSvidecar(['explain'], { stdin: 'a: [1\n' });
    expect([broken.code, broken.out]).toEqual([1, '']);
    const other = await runSvidecar(['explain'], { stdin: foreign });
    expect([other.code, other.out]).toEqual([0, expect.stringContaining('There is no workload')]);
  });

  test('check of files without a workload says that there was nothing to judge', async () => {
    const note = 'note: there is no workload in these files';
    const values = { stdin: 'replicaCount: 2\n' };
    expect((await runSvidecar(['check', '-'], values)).err).toContain(note);
    expect((await runSvidecar(['check', '-q', '-'], values)).err).toBe('');
    expect((await runSvidecar(['check', '-'], { stdin: good })).err).not.toContain(note);
    expect((await runSvidecar(['check', '-'], { stdin: 'a: [1' })).err).not.toContain(note);
  });

  test.each([
    ['deployment frontend', 'deployment/frontend'],
    ['frontend', 'deployment/frontend'],
    ['frontend-2.v1', 'deployment/frontend-2.v1'],
  ])('explain %s, as kubectl takes it, is told how it is written here', async (words, meant) => {
    const { code, out, err } = await runSvidecar(['explain', ...words.split(' ')]);
    expect([code, out]).toEqual([3, '']);
    expect(err).toContain(`a live object is written KIND/NAME: svidecar explain ${meant} [`);
  });

  test('explain as json has a record for each workload', async () => {
    const stdin = `${bad}---\n${good}`;
    const { code, out } = await runSvidecar(['explain', '-o', 'json'], { stdin });
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { name: 'bad', decision: 'refused', code: 'ANNOTATION_INVALID', line: 9 },
      { name: 'good', decision: 'injected', templates: ['spiffe-socket'] },
    ]);
  });
});

describe('diff', () => {
  test('exits with 0, or with 4 where it is asked to tell', async () => {
    expect((await runSvidecar(['diff'], { stdin: good })).code).toBe(0);
    expect((await runSvidecar(['diff', '--exit-code'], { stdin: good })).code).toBe(4);
    expect((await runSvidecar(['diff', '--exit-code'], { stdin: foreign })).code).toBe(0);
  });

  test('is coloured on a terminal only', async () => {
    const escape = '\u001B[';
    expect((await runSvidecar(['diff'], { stdin: good })).out).not.toContain(escape);
    expect((await runSvidecar(['diff'], { stdin: good, isTerminal: true })).out).toContain(escape);
  });

  test('of what is injected already is empty', async () => {
    const { out } = await runSvidecar(['inject', '-q'], { stdin: good });
    expect((await runSvidecar(['diff'], { stdin: out })).out).toBe('');
  });
});

describe('uninject', () => {
  test('takes ConfigMaps out even where another tool has taken our comments', async () => {
    const { out } = await runSvidecar(['inject', '-q', 'manifests/demo/frontend.yaml']);
    const bare = out.replaceAll(/^# Made by svidecar.*\n/gm, '');
    const { out: back } = await runSvidecar(['uninject', '-q'], { stdin: bare });
    expect(back).not.toContain('svidecar-');
  });

  test('refuses a status that is not ours, and leaves that document out', async () => {
    const stdin = deployment('odd', ["svidecar.dev/status: '{}'"]);
    const { code, out, err } = await runSvidecar(['uninject'], { stdin });
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('[STATUS_INVALID]');
  });
});

test.each(['version', '--version', '-V'])('%s prints the version alone', async (word) => {
  const { code, out, err } = await runSvidecar([word]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
});
