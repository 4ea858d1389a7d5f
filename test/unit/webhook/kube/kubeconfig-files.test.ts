import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
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
