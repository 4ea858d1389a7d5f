/** What `inject` printed is what the cluster would hold: the doctor finds the ConfigMaps in it, and misses them where they are gone. */
import { beforeAll, expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

let injected = '';
const missing = /mounts ConfigMap \S+, which is not there/;

beforeAll(async () => {
  injected = (await runSvidecar(['inject', '-q', 'manifests/demo/frontend.yaml'])).out;
});

test('injected manifests have their ConfigMaps', async () => {
  const { out } = await runSvidecar(['check', '-q', '-'], { stdin: injected });
  expect(out).not.toMatch(missing);
});

test('without the documents that inject added, they lack them', async () => {
  const [kept = ''] = injected.split('---\n# Made by svidecar inject');
  const { out } = await runSvidecar(['check', '-q', '-'], { stdin: kept });
  expect(out).toMatch(missing);
});
