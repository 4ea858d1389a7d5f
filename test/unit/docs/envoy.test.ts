/** The table of places where filters stand is the one of the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filterPlaces } from '../../../webhook/envoy/filter-lists.ts';

test('docs/envoy.md has every place that the patcher knows, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/envoy.md'), 'utf8');
  const rows = page.match(/^\| `envoy\..*$/gm);
  const expected = filterPlaces.map(
    ({ message, field, treatment }) => `| \`${message}.${field}\` | ${treatment} |`,
  );
  expect(rows).toEqual(expected);
});
