import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '#kernel/errors.ts';
import { exitCodeOf } from '../../../webhook/cli/exit-codes.ts';

const root = join(import.meta.dirname, '../../..');
const union = readFileSync(join(root, 'sidecar/kernel/errors.ts'), 'utf8');
const codes = [...union.matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code = '']) => code);
const rows = new Map(
  [
    ...readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^\| `([A-Z_]+)` \|(.*)\|$/gm),
  ].map(([, code = '', rest = '']) => [code, rest.split('|').map((cell) => cell.trim())]),
);

describe('docs/errors.md', () => {
  test('has a row for every code: add the rows that are missing here', () => {
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter((code) => !rows.has(code))).toEqual([]);
  });

  test('has no row for a code that is gone', () => {
    expect([...rows.keys()].filter((code) => !codes.includes(code))).toEqual([]);
  });

  test.each([...rows])('%s has every cell, and the exit code that the CLI gives', (code, cells) => {
    expect(cells.filter((cell) => cell === '')).toEqual([]);
    const [, , exit] = cells;
    // The rows were compared with the union above.
    if (exit !== '–') expect(exit).toBe(String(exitCodeOf(code as ErrorCode)));
  });
});
