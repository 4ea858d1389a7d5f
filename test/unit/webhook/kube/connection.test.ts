import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { connect } from '../../../../webhook/kube/connection.ts';

const folder = mkdtempSync(join(tmpdir(), 'svidecar-kubeconfig-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A kubeconfig for a port where nobody listens. */
const kubeconfig = (user: string, server = 'https://127.0.0.1:9'): string => `apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: '${server}'}}]
users: [{name: me, user: {${user}}}]
`;
const plugIn = (command: string, ...args: readonly string[]): string =>
  `exec: {apiVersion: client.authentication.k8s.io/v1, command: ${command}, args: ${JSON.stringify(args)}}`;

async function faultOf(text: string): Promise<unknown> {
  const path = join(folder, 'config');
  writeFileSync(path, text);
  return connect({ kind: 'kubeconfig', path })
    .then((api) => api.get('/version', AbortSignal.timeout(5_000)))
    .catch((thrown: unknown) => thrown);
}

test.each<[string, string, RegExp]>([
  [
    'whose YAML is wrong',
    `users:\n- name: me\n  user:\n    token: SECRET\n   client-key-data: SECRET\n`,
    /kubeconfig.* is not YAML: .* at line 5, column \d+; mend it, or give another with --kubeconfig FILE$/,
  ],
  [
    'with a plug-in that is not there',
    kubeconfig(plugIn('no-such-plug-in')),
    /ENOENT.*log in again/,
  ],
  [
    'with a plug-in that fails',
    kubeconfig(plugIn('sh', '-c', 'echo SECRET >&2; exit 3')),
    /plug-in sh/,
  ],
  ['with a plug-in that prints no JSON', kubeconfig(plugIn('echo', 'SECRET')), /plug-in echo/],
  ['with a certificate that is not there', kubeconfig('client-certificate: /none'), /ENOENT/],
  [
    'with an address that is none',
    kubeconfig('token: SECRET', 'not a url'),
    /server of its cluster "here" is no address such as https/,
  ],
  ['that is none', 'hello', /names no cluster.*--kubeconfig FILE/],
  ['that is a list', '[1, 2]', /names no cluster/],
  ['of another shape', '{contexts: [1], clusters: [null], users: [x]}', /shape of a kubeconfig/],
  [
    'without a current context',
    kubeconfig('token: SECRET').replace('current-context: here', ''),
    /no current context; give one with --context: "here"/,
  ],
  ['with plain HTTP', kubeconfig('token: SECRET', 'http://127.0.0.1:9'), /./],
  ['with a token of two lines', kubeconfig('token: "SECRET\\nSECRET"'), /Invalid character/],
])(
  'a kubeconfig %s is a failure with a next step, and shows nothing of it',
  async (_name, text, words) => {
    const fault = await faultOf(text);
    expect(fault).toBeInstanceOf(AppError);
    expect(fault).toMatchObject({ code: 'CLUSTER_UNREACHABLE' });
    expect(String(fault)).toMatch(words);
    expect(String(fault)).not.toContain('SECRET');
  },
);
