import { expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const workload = readFileSync('test/golden/injection/envoy.input.yaml', 'utf8');

function service(ports: string, selector = '{app: frontend}', namespace = 'shop'): string {
  return `---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: ${namespace}}
spec:
  selector: ${selector}
  ports: [${ports}]
`;
}

const render = (text: string) => runSvidecar(['render', 'network-policy', '-'], { stdin: text });

test('the policy opens the ports of Envoy alone', async () => {
  const { code, out, err } = await render(workload);
  expect([code, err]).toEqual([0, '']);
  expect(out).toBe(`---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: frontend-deployment-envoy
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: frontend
  policyTypes:
    - Ingress
  ingress:
    - ports:
        - protocol: TCP
          port: 8443
        - protocol: TCP
          port: 9443
        - protocol: TCP
          port: 9012
`);
});

test.each([
  [
    '{port: 80, targetPort: 8080}',
    "Service web leads to the app's port 8080, past Envoy; set its targetPort to 8443",
  ],
  ['{port: 9000}', "the app's port 9000"],
  ['{port: 80, targetPort: web}', "the app's port 8080"],
])('a Service with %s leads past it', async (ports, says) => {
  const named = workload.replace(
    'containerPort: 8080',
    'containerPort: 8080\n              name: web',
  );
  const { code, err } = await render(named + service(ports));
  expect(code).toBe(0);
  expect(err).toContain(says);
});

test.each([
  [service('{port: 443, targetPort: 8443}')],
  [service('{port: 443, targetPort: inbound-8443}')],
  [service('{port: 80, targetPort: 8080}', '{app: other}')],
  [service('{port: 80, targetPort: 8080}', '{}')],
  [service('{port: 80, targetPort: 8080}', '{app: frontend}', 'elsewhere')],
])('%#: other Services do not', async (other) => {
  expect((await render(workload + other)).err).toBe('');
});

test('a workload without an Envoy of ours needs none, and one without labels gets none', async () => {
  const plain = workload.replace('templates: envoy', 'templates: ""');
  expect(await render(plain)).toMatchObject({ code: 0, out: '' });
  const bare = workload
    .replace('      matchLabels: {app: frontend}\n', '')
    .replace('    selector:\n', '')
    .replace('  selector:\n', '')
    .replace('      labels: {app: frontend}\n', '')
    .replace('    matchLabels: {app: frontend}\n', '');
  const { out, err } = await render(bare);
  expect(out).toBe('');
  expect(err).toContain('no labels that a NetworkPolicy could select');
});

test.each([
  [(text: string) => text.replace(/svidecar\.dev\/inbound: .*/, ''), 'nobody comes in through its'],
  [
    (text: string) =>
      text.replace('      containers:', '      hostNetwork: true\n      containers:'),
    "it is on the node's network, where nothing is injected",
  ],
])('%#: where none is printed, that is said', async (change, says) => {
  const { code, out, err } = await render(change(workload));
  expect([code, out]).toEqual([0, '']);
  expect(err).toContain(says);
});
