import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { catalogue } from '../../../webhook/checks/catalogue.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/check.md'), 'utf8');
const sections = [...page.matchAll(/^### (\w+)$/gm)].map(([, id = '']) => id);

test('docs/check.md has one section for each check, in the order of the report', () => {
  expect(sections).toEqual(catalogue.map(({ id }) => id));
});

test('every check says what it claims, why it matters, and has an id of its own', () => {
  const ids = catalogue.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { claim, why } of catalogue)
    expect(`${claim} ${why}`).toMatch(/^[a-z].{20,} .{20,}\.$/);
});
