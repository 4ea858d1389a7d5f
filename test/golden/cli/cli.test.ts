import { describe, expect, test } from 'vitest';
import { runSvidecar } from '../../fakes/fake-terminal.ts';

const commands: readonly string[] = [
  '',
  'inject',
  'uninject',
  'diff',
  'explain',
  'check',
  'identities',
  'workbench',
  'render',
  'render config',
  'render templates',
  'render entries',
  'render admin-entry',
  'render envoy',
  'render network-policy',
  'render istio',
  'cleanup',
  'ban',
  'ban add',
  'ban remove',
  'ban list',
  'ban watch',
  'ban check',
  'dev',
  'serve',
  'bans',
  'bans serve',
  'completion',
  'console',
  'restart',
  'revision',
  'revision list',
  'revision default',
  'revision render',
];

describe('help', () => {
  test.each(commands)('of svidecar %s', async (name) => {
    const words = name.split(' ').filter((word) => word !== '');
    const { code, out } = await runSvidecar([...words, '--help']);
    expect(code).toBe(0);
    const file = ['help', ...words].join('-');
    await expect(out).toMatchFileSnapshot(`${file}.txt`);
  });
});

const frontend = 'manifests/demo/frontend.yaml';
/** As `kubectl get pods,services -o yaml` prints it. */
const gateway = 'test/golden/cli/gateway.input.yaml';
const alias =
  '--node-alias k8s_psat:cluster:demo k8s_psat:agent_ns:spire k8s_psat:agent_sa:spire-agent';

describe('a report of checks', () => {
  const mistakes = 'test/golden/cli/check.input.yaml';
  test.each([
    ['check.txt', `check ${mistakes}`, 1],
    ['check-quiet.txt', `check -q ${mistakes} ${frontend}`, 1],
    ['check-json.txt', `check -o json ${mistakes}`, 1],
  ])('%s', async (file, line, expected) => {
    const { code, out, err } = await runSvidecar(line.split(' '));
    expect([code, err]).toEqual([expected, '']);
    await expect(out).toMatchFileSnapshot(file);
  });
});

describe('output', () => {
  test.each([
    ['explain.txt', `explain ${frontend} manifests/demo/frontend-2.yaml`],
    ['explain-json.txt', `explain ${frontend} -o json`],
    ['inject.txt', `inject ${frontend}`],
    ['diff.txt', 'diff manifests/demo/backend.yaml'],
    ['render-istio.txt', 'render istio test/golden/injection/istio-validate.input.yaml'],
    ['render-istio-mesh-config.txt', 'render istio --mesh-config'],
    ['render-config.txt', 'render config'],
    ['render-templates.txt', 'render templates'],
    ['render-template.txt', 'render templates spire'],
    ['render-admin-entry.txt', 'render admin-entry --image registry.test/webhook:1'],
    [
      'render-envoy.txt',
      'render envoy --spiffe-id spiffe://example.org/backend --socket /run/spire/agent.sock --inbound 8443=8080 --jwt validate',
    ],
    ['render-entries.txt', 'render entries manifests/demo --pod-label app --container envoy'],
    ['render-entries-objects.txt', 'render entries manifests/demo --as objects'],
    [
      'render-entries-json.txt',
      `render entries ${frontend} --as json --hint svidecar --x509-ttl 1h --jwt-ttl 5m --no-x509-prefetch --image`,
    ],
    ['render-entries-static.txt', `render entries ${frontend} --as static ${alias}`],
    ['render-entries-istio.txt', `render entries ${gateway} --istio --pod-uid ${alias}`],
    ['render-entries-istio-objects.txt', `render entries ${gateway} --istio --as objects`],
    ['completion-bash.txt', 'completion bash'],
    ['completion-fish.txt', 'completion fish'],
  ])('%s', async (file, line) => {
    const { code, out, err } = await runSvidecar(line.split(' '));
    expect(code).toBe(0);
    const told = err === '' ? '' : `\nstandard error:\n${err}`;
    await expect(out + told).toMatchFileSnapshot(file);
  });
});
