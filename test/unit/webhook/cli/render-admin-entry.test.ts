import { expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

test.each([
  ['--namespace', 'a b', 'no namespace has that name'],
  ['--namespace', 'a/sa/b', 'no namespace has that name'],
  ['--namespace', '', 'no namespace has that name'],
  ['--service-account', 'Web_Hook', 'no ServiceAccount has that name'],
  ['--service-account', 'a..b', 'no ServiceAccount has that name'],
  ['--image', 'web hook:1', 'write it as registry.example'],
  ['--image', '', 'write it as registry.example'],
])('%s %j is refused', async (flag, value, says) => {
  const { code, out, err } = await runSvidecar(['render', 'admin-entry', flag, value]);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain(says);
  expect(err).toContain('[USAGE]');
});

test('names that Kubernetes takes are taken', async () => {
  const words = [
    '--namespace',
    'svi-1',
    '--service-account',
    'web.hook',
    '--image',
    'r.test:5/a/b',
  ];
  const { code, out } = await runSvidecar(['render', 'admin-entry', ...words]);
  expect(code).toBe(0);
  expect(out).toContain('-selector k8s:ns:svi-1 ');
  expect(out).toContain('-selector k8s:sa:web.hook ');
  expect(out).toContain('-selector k8s:container-image:r.test:5/a/b:latest ');
});
