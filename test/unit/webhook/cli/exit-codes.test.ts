import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '#kernel/errors.ts';
import { exitCodeOf, exitCodeOfAll } from '../../../../webhook/cli/exit-codes.ts';

const page = readFileSync(join(import.meta.dirname, '../../../../docs/errors.md'), 'utf8');
/** Code and exit code of each row that has one. */
const rows = [...page.matchAll(/^\| `([A-Z_]+)` \|[^|]*\|[^|]*\| (\d+) \|/gm)].map(
  // The page's codes are compared with the union by a test of its own.
  ([, code, exit]) => [code as ErrorCode, Number(exit)] as const,
);

describe('exit codes', () => {
  test('are found on the page', () => {
    expect(rows.length).toBeGreaterThan(10);
  });

  test.each(rows)('%s ends as docs/errors.md says: %i', (code, exit) => {
    expect(exitCodeOf(code)).toBe(exit);
  });

  test('of failures of several kinds are that of a refusal', () => {
    expect(exitCodeOfAll([])).toBe(0);
    expect(exitCodeOfAll(['FILE_UNREADABLE', 'FILE_UNREADABLE'])).toBe(3);
    expect(exitCodeOfAll(['FILE_UNREADABLE', 'ANNOTATION_INVALID'])).toBe(1);
  });
});
