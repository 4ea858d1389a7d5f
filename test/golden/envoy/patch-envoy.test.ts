/** Golden files: `UPDATE=1` writes them anew; review the difference by eye. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EnvoyPatch } from '../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../webhook/envoy/patch-envoy.ts';
import { cases, sourceOf } from './cases.ts';

const isUpdate = process.env['UPDATE'] === '1';

function expectFile(path: string, text: string): void {
  if (isUpdate) {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  }
  expect(text).toBe(readFileSync(path, 'utf8'));
}

function reportOf({ changes, warnings }: EnvoyPatch): string {
  const lines = [
    ...changes.map(({ file, line, message }) => `${file}:${line}: ${message}`),
    ...warnings.map(({ id, message }) => `warning ${id}: ${message}`),
  ];
  return `${lines.join('\n')}\n`;
}

describe.each(cases)('the configuration $name', ({ name, additions }) => {
  const source = sourceOf(name);
  const patch = patchEnvoy(source, additions);
  const folder = join(import.meta.dirname, name);

  test('is patched as reviewed', () => {
    for (const file of Object.keys(source.files)) {
      expectFile(join(folder, 'patched', file), patch.files[file] ?? 'missing');
    }
  });

  test('is reported as reviewed', () => {
    expectFile(join(folder, 'report.txt'), reportOf(patch));
  });

  test('is the source again without the insertions', () => {
    for (const [file, text] of Object.entries(patch.files)) {
      const bare = (patch.insertions[file] ?? []).reduceRight(
        (rest, { offset, length }) => rest.slice(0, offset) + rest.slice(offset + length),
        text,
      );
      expect(bare).toBe(source.files[file]);
    }
  });
});
