import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { messageOf } from '#kernel/errors.ts';
import { connect } from '../../../../webhook/kube/connection.ts';
import { readAccess } from '../../../../webhook/kube/cluster-access.ts';

const folder = mkdtempSync(join(tmpdir(), 'svidecar-kubeconfigs-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function kubeconfig(name: string, current: string, server: string): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    `apiVersion: v1
kind: Config
${current === '' ? '' : `current-context: ${current}\n`}contexts: [{name: ${name}, context: {cluster: ${name}, user: me}}]
clusters: [{name: ${name}, cluster: {server: '${server}'}}, {name: shared, cluster: {server: '${server}'}}]
users: [{name: me, user: {token: of-${name}}}]
`,
  );
  return path;
}

const none = join(folder, 'none');
const first = kubeconfig('first', 'first', 'https://first.test');
const second = kubeconfig('second', 'second', 'https://second.test');
const silent = kubeconfig('silent', '', 'https://silent.test');

test.each([
  ['the first current context counts', [first, second], 'https://first.test'],
  ['a file that is not there is passed over', [none, second], 'https://second.test'],
  ['one without a current context has that of the next', [silent, second], 'https://second.test'],
])('of several kubeconfigs, as for kubectl: %s', async (_, among, url) => {
  expect(await readAccess({ kind: 'kubeconfig', among })).toMatchObject({ url });
});

test('of two users of one name the first counts, and each context is there', async () => {
  const { config, url } = await readAccess({
    kind: 'kubeconfig',
    among: [first, second],
    context: 'second',
  });
  expect([url, config.getCurrentUser()?.token]).toEqual(['https://second.test', 'of-first']);
});

test.each([
  ['only files that are not there', { among: [none] }, `KUBECONFIG names ${none}`],
  ['a file that is not there', { path: none }, `${none} does not exist`],
  ['a folder', { path: folder }, `${folder} is a folder`],
])('%s: the message names them', async (_, target, words) => {
  await expect(readAccess({ kind: 'kubeconfig', ...target })).rejects.toThrow(words);
});

test.each([
  ['empty', '', 'is empty; mend it'],
  ['no-yaml', 'users: [{token: SECRET', 'is not YAML: unexpected end'],
  ['binary', 'a\0SECRET', 'is not YAML: null byte'],
  ['list', '- SECRET', 'it names no cluster'],
  ['odd', 'contexts: [~] # SECRET', 'does not have the shape of a kubeconfig'],
])(
  'what cannot be used says which file it is, and quotes nothing of it: %s',
  async (name, text, words) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    const told = await failureOf({ path });
    expect(told).toContain(words);
    expect(told).not.toContain('SECRET');
    if (name === 'list') return;
    expect(told).toContain(`cannot be used: ${path} `);
    expect(await failureOf({ among: [first, path] })).toBe(told);
  },
);

test('a client certificate that is none is told as such, not as a network that does not lead there', async () => {
  const path = join(folder, 'certificate');
  const data = Buffer.from('no PEM').toString('base64');
  const user = `user: {client-certificate-data: ${data}, client-key-data: ${data}}`;
  const text = readFileSync(first, 'utf8').replace('user: {token: of-first}', user);
  writeFileSync(path, text.replace('first.test', '127.0.0.1:1'));
  const api = await connect({ kind: 'kubeconfig', path });
  const asked = api.get('/version', AbortSignal.timeout(5_000));
  await expect(asked).rejects.toThrow(/a certificate or key of the kubeconfig cannot be read/);
  await expect(asked).rejects.not.toThrow(/VPN/);
});

async function failureOf(target: { path?: string; among?: readonly string[] }): Promise<string> {
  try {
    await readAccess({ kind: 'kubeconfig', ...target });
    return 'none';
  } catch (thrown) {
    return messageOf(thrown);
  }
}
