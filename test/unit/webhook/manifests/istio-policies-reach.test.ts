/** Whom the policies of `render istio` reach besides the workload that they are for, and whom not. */
import { expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

interface Wish {
  readonly namespace?: string;
  readonly labels?: JsonObject;
  readonly templates?: string;
  readonly spec?: JsonObject;
}

function deployment(name: string, wish: Wish = {}): JsonObject {
  const { namespace = 'shop', labels = { app: 'shop' }, templates = '', spec = {} } = wish;
  const asked = { 'inject.svidecar.dev/templates': templates, 'svidecar.dev/audience': 'shop' };
  const annotations = templates === '' ? {} : asked;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { app: 'shop' } },
      template: {
        metadata: { labels, annotations },
        spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
      },
    },
  };
}

async function toldOf(...objects: readonly JsonObject[]): Promise<string> {
  const stdin = objects.map((object) => JSON.stringify(object)).join('\n---\n');
  const { err, code } = await runSvidecar(['render', 'istio', '-'], { stdin });
  expect(code).toBe(0);
  return err;
}

const asking = deployment('asking', { templates: 'istio-validate' });

test('another workload that the policy selects is told of', async () => {
  const labels = { app: 'shop', track: 'canary' };
  expect(await toldOf(asking, deployment('other', { labels }))).toContain(
    'Deployment shop/other: the policy of Deployment shop/asking selects its pods as well',
  );
});

test.each<[string, JsonObject]>([
  ['with other labels', deployment('other', { labels: { app: 'other' } })],
  ['in another namespace', deployment('other', { namespace: 'bar' })],
  ['that asks, too', deployment('other', { templates: 'istio-validate' })],
])('one %s is not', async (_which, other) => {
  expect(await toldOf(asking, other)).not.toContain('selects its pods as well');
});

test('a policy in Istio’s root namespace is told of', async () => {
  const gateway = deployment('gw', { namespace: 'istio-system', templates: 'istio-validate' });
  expect(await toldOf(gateway)).toContain("istio-system is Istio's root namespace, where a policy");
  expect(await toldOf(asking)).not.toContain('root namespace');
});

test('a workload on the network of its nodes is told of', async () => {
  const spec = { hostNetwork: true };
  const told = await toldOf(deployment('node', { templates: 'istio-validate', spec }));
  expect(told).toContain(
    "Deployment shop/node: it is on the node's network, where nothing is injected and no AuthorizationPolicy holds; remove hostNetwork",
  );
  expect(await toldOf(deployment('node', { spec }))).not.toContain('hostNetwork');
});
