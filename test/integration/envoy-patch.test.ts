/** Real Envoy has the last word about what the patcher writes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { patchEnvoy } from '../../webhook/envoy/patch-envoy.ts';
import {
  both,
  cases,
  directory,
  inject,
  nativeBoth,
  nativeInject,
  sourceOf,
  validate,
} from '../golden/envoy/cases.ts';
import { writeConfiguration } from '../property/envoy/configuration-writer.ts';
import { olderEnvoy } from './harness/components.ts';
import { validateEnvoy } from './harness/envoy.ts';

/** Configurations of one file that are checked; each takes Envoy a tenth of a second of CPU. */
const generated = 200;

/** It has a manager of a type that older Envoys do not know. */
const isTried = ({ name }: { readonly name: string }): boolean =>
  olderEnvoy === undefined || name !== 'typed-struct';

describe('real Envoy accepts', () => {
  test.each(cases.filter(isTried))(
    'the patched configuration $name',
    async ({ name, additions }) => {
      const source = sourceOf(name);
      const { files } = patchEnvoy(source, additions);
      const verdict = await validateEnvoy({ files, main: source.main, mountedAt: directory });
      expect(verdict).toMatchObject({ ok: true });
    },
  );

  test(`${generated} generated configurations with the patch`, async () => {
    const texts = fc.sample(fc.gen(), { numRuns: generated, seed: 20_261_122 }).map((g, index) => {
      const text = writeConfiguration(g, { withDirections: true });
      const source = {
        name: 'ConfigMap demo/x',
        files: { 'envoy.yaml': text },
        main: 'envoy.yaml',
      };
      const additions = [inject, validate, both, nativeInject, nativeBoth][index % 5] ?? both;
      return patchEnvoy(source, additions).files['envoy.yaml'] ?? '';
    });
    await Promise.all(
      texts.map(async (text) => {
        expect(await validateEnvoy(text), text).toMatchObject({ ok: true });
      }),
    );
  }, 300_000);
});
