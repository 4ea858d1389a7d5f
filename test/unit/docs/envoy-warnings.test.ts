import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

test('docs/envoy.md has a row for each warning about an Envoy configuration, and no other', () => {
  const [, union = ''] =
    /export type EnvoyWarningId =([^;]*);/.exec(read('webhook/envoy/patch-contract.ts')) ?? [];
  const ids = [...union.matchAll(/'([a-z_]+)'/g)].map(([, id]) => id);
  const [, section = ''] =
    /## What a configuration is warned about([^]*?)\n\*\*/.exec(read('docs/envoy.md')) ?? [];
  const rows = [...section.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, id]) => id);
  expect(rows).toEqual([...ids].sort());
});
