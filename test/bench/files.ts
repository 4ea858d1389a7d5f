/**
 * What manifests cost: 1,000 Deployments of 6 kB each, and what of that is their reading, beside the parser's own in the
 * same run. Prints processor seconds and one line of JSON.
 */
import { join } from 'node:path';
import { openText } from '../../webhook/editing/open-text.ts';
import { readByParser } from '../../webhook/editing/read-source.ts';
import { ownFileLimits } from '../../webhook/editing/text-limits.ts';
import { loadEngine } from '../../webhook/files/load-engine.ts';
import { explainTexts } from '../../webhook/manifests/explain-texts.ts';
import { injectTexts } from '../../webhook/manifests/inject-texts.ts';
import { uninjectTexts } from '../../webhook/manifests/uninject-texts.ts';
import { envoyConfig, manifestOf } from './review-bodies.ts';

// As the command does: the parser asks for a variable at every token.
process.env = { ...process.env };

const count = 1_000;
const namespace = 'shop';
const indented = envoyConfig.replaceAll(/^(?=.)/gm, '    ');
const configMap = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: frontend-envoy, namespace: shop}\ndata:\n  envoy.yaml: |\n${indented}`;
const texts = Array.from({ length: count }, (_, index) => manifestOf(index));
const silent = texts.map((text) => text.replaceAll(/^.*svidecar.dev\/.*\n/gm, ''));
const options = {
  engine: loadEngine({
    templates: join(import.meta.dirname, '../../templates'),
    config: undefined,
    kubernetesMinor: 36,
    version: '0.1.0',
  }),
  namespace,
};

function streamOf(documents: readonly string[]): readonly { name: string; text: string }[] {
  return [{ name: 'all.yaml', text: [configMap, ...documents].join('---\n') }];
}

function secondsOf(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const spans = texts.map((text) => ({ text, span: { start: 0, end: text.length } }));
const injected = injectTexts(streamOf(texts), options).text;
const figures = {
  inject_s: secondsOf(() => injectTexts(streamOf(texts), options)),
  inject_nothing_asked_s: secondsOf(() => injectTexts(streamOf(silent), options)),
  explain_s: secondsOf(() => explainTexts(streamOf(texts), options)),
  uninject_s: secondsOf(() => uninjectTexts([{ name: 'all.yaml', text: injected }], namespace)),
  read_s: secondsOf(() => {
    for (const { text, span } of spans)
      openText(text, span, { where: 'all.yaml', limits: ownFileLimits });
  }),
  read_by_parser_s: secondsOf(() => {
    for (const one of spans) readByParser({ ...one, where: 'all.yaml', limits: ownFileLimits });
  }),
};
for (const [name, seconds] of Object.entries(figures))
  console.log(`${name.padEnd(24)} ${seconds.toFixed(2).padStart(7)}`);
console.log(
  JSON.stringify({
    ...figures,
    parser_vs_ours: Number((figures.read_by_parser_s / figures.read_s).toFixed(1)),
  }),
);
