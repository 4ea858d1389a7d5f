import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/threat-model.md'), 'utf8');
const rows = [...page.matchAll(/^\|(.*)\|(.*)\|(.*)\|$/gm)]
  .map(([, threat = '', answer = '', tests = '']) => ({ threat: threat.trim(), answer, tests }))
  .filter(
    ({ threat }) => threat !== 'tries to' && threat !== 'could' && !/^(-|what )/.test(threat),
  );
const named = rows.flatMap(({ threat, tests }) =>
  [...tests.matchAll(/`([^`]+)`/g)].map(([, path = '']) => [threat, path] as const),
);

describe('docs/threat-model.md', () => {
  test('names tests for nearly every threat', () => {
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter(({ tests }) => tests.trim() === '').length).toBeLessThanOrEqual(2);
  });

  test.each(named)('%s: test/%s is there', (_threat, path) => {
    expect(existsSync(join(root, 'test', path))).toBe(true);
  });
});
