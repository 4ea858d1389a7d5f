/** Offline inject of 1,000 Deployments, in a process of its own. usage: admission-inject REPOSITORY; prints one line of JSON. */
import { join } from 'node:path';
import { injectTexts } from '../../webhook/manifests/inject-texts.ts';
import { loadEngine } from '../../webhook/files/load-engine.ts';
import { envoyConfig, manifestOf } from './review-bodies.ts';

const [repository = ''] = process.argv.slice(2);
const engine = loadEngine({
  templates: join(repository, 'templates'),
  config: undefined,
  kubernetesMinor: 36,
  version: '0.1.0',
});
const indented = envoyConfig.replaceAll(/^(?=.)/gm, '    ');
const configMap = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: frontend-envoy, namespace: shop}\ndata:\n  envoy.yaml: |\n${indented}`;
const texts = Array.from({ length: 1_000 }, (_, index) => manifestOf(index));
const text = [configMap, ...texts].join('---\n');
const start = performance.now();
const result = injectTexts([{ name: 'all.yaml', text }], { engine, namespace: 'shop' });
const seconds = (performance.now() - start) / 1000;
const injected = result.outcomes.filter(({ decision }) => decision.kind === 'injected').length;
if (injected !== 1_000) throw new Error(`${injected} of 1000 were injected`);
if (texts.some((_, index) => !result.text.includes(`# Deployment ${index}\n`))) {
  throw new Error('a comment was lost');
}
console.log(JSON.stringify({ seconds, peakMib: process.resourceUsage().maxRSS / 1024 }));
