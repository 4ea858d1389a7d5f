import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const workload = readFileSync('test/golden/injection/istio-validate.input.yaml', 'utf8');

const render = (text: string, ...flags: readonly string[]) =>
  runSvidecar(['render', 'istio', '-', ...flags], { stdin: text });

test("the address is in Istio's root namespace, and the provider names it there", async () => {
  const { out } = await render(workload, '--istio-namespace', 'mesh');
  expect(out).toContain('name: svidecar-auth-helper\n  namespace: mesh\n');
  const provider = await render('', '--istio-namespace', 'mesh', '--mesh-config');
  expect(provider.out).toContain('service: mesh/auth-helper.svidecar.internal\n');
});

test('a workload of no namespace gets a policy of none', async () => {
  const { out } = await render(workload.replace('  namespace: shop\n', ''));
  expect(out).toContain('metadata:\n  name: backend-deployment-jwt-svid\nspec:\n');
});

test('a workload that asks for something else gets no policy', async () => {
  const { code, out } = await render(workload.replace('istio-validate', 'spire'));
  expect([code, out]).toEqual([0, '']);
});

test('whoever has a filter already is told', async () => {
  const asked = workload
    .replace('istio-validate', 'jwt-validate')
    .replace('data-path: native', 'envoy-container: istio-proxy');
  const { code, out, err } = await render(asked);
  expect([code, out]).toEqual([0, '']);
  expect(err).toContain('Deployment shop/backend: jwt-validate puts its own filter into Envoy');
});

test('without labels no policy could select the pods, which is said', async () => {
  const pod = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'backend',
      namespace: 'shop',
      annotations: { 'inject.svidecar.dev/templates': 'istio-validate' },
    },
    spec: { containers: [{ name: 'app', image: 'app:1' }] },
  });
  const { out, err } = await render(pod);
  expect(out).toBe('');
  expect(err).toContain('nothing asks its helper; add some to the pod template');
});

test('a workload that is refused is a problem', async () => {
  const { code, err } = await render(
    workload.replace('shop\n', 'shop\n  labels: {}\n').replace('audience: backend', 'audience: ""'),
  );
  expect(code).not.toBe(0);
  expect(err).toContain('svidecar.dev/audience');
});

test('a namespace that cannot be is refused', async () => {
  const { code, err } = await render('', '--istio-namespace', 'Mesh!');
  expect(code).toBe(2);
  expect(err).toContain('no namespace has that name');
});

test.each(['istio', 'network-policy'])('%s: what cannot be read is a problem', async (what) => {
  const { code, err } = await runSvidecar(['render', what, '-'], { stdin: 'kind: [' });
  expect(code).toBe(1);
  expect(err).toContain('TEXT_UNPARSABLE');
});

test.each([
  ['istio', 'istio-validate'],
  ['network-policy', 'jwt-validate, envoy'],
])('%s: a kind that gets no policy, though its pods need one, is told', async (what, templates) => {
  const rollout = (names: string) =>
    JSON.stringify({
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Rollout',
      metadata: { name: 'backend', namespace: 'shop' },
      spec: {
        template: {
          metadata: { annotations: { 'inject.svidecar.dev/templates': names } },
          spec: { containers: [{ name: 'app', image: 'app:1' }] },
        },
      },
    });
  const told = await runSvidecar(['render', what, '-'], { stdin: rollout(templates) });
  expect([told.code, told.out]).toEqual([0, '']);
  expect(told.err).toContain('Rollout shop/backend: its pods are injected in the cluster, and no');
  const others = await runSvidecar(['render', what, '-'], { stdin: rollout('jwt-inject') });
  expect(others.err).toBe('');
});
