import { expect, test } from 'vitest';
import { explainFailure } from '../../../../sidecar/workload-api/failure.ts';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

test.each([
  ['identities', ['identities', 'manifests/demo/backend.yaml']],
  ['cleanup', ['cleanup', '--kubeconfig', '/nonexistent/config']],
])('%s takes a path for its socket, and does not say that it tries again', async (_name, words) => {
  const socket = '/nonexistent/api.sock';
  const said = async (address: string): Promise<string> => {
    const { out, err } = await runSvidecar([...words, '--spire-server', address]);
    return out + err;
  };
  const byPath = await said(socket);
  expect(byPath).toContain(`the SPIRE server at unix://${socket} does not answer`);
  expect(byPath).not.toContain('trying again');
  expect(await said(`unix://${socket}`)).toBe(byPath);
});

test('one workload is counted as one', async () => {
  const { out } = await runSvidecar(['identities', 'manifests/demo/backend.yaml']);
  expect(out).toContain('files: 1 workload: 0 with an identity');
});

test('nor does a Workload API that gives no X.509-SVID to ask with', () => {
  const failure = { kind: 'unavailable', text: 'ENOENT' } as const;
  const said = explainFailure(failure, 'X.509-SVID', 'unix:///agent.sock');
  expect(said).toMatch(/gives no X.509-SVID \(ENOENT\); check .* is mounted here$/);
});
