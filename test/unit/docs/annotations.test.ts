import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readRequest } from '../../../webhook/request/read-annotations.ts';
import {
  annotationKey,
  envoyFilterLabel,
  envoyLabel,
  federationLabel,
  injectedLabel,
  injectKey,
  settingKeys,
  statusKey,
  templatesKey,
} from '../../../webhook/request/metadata-keys.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/annotations.md'), 'utf8');
const rows = [...page.matchAll(/^\| `([a-z./-]+)` \|(.*)\|$/gm)].map(([, key = '', rest = '']) => ({
  key,
  cells: rest.split('|').map((cell) => cell.trim()),
}));

describe('docs/annotations.md', () => {
  test('has a row for every key, and no other rows: add or remove those that are named here', () => {
    const known = [
      ...settingKeys.map(annotationKey),
      injectKey,
      templatesKey,
      statusKey,
      injectedLabel,
      federationLabel,
      envoyLabel,
      envoyFilterLabel,
    ];
    expect(rows.map(({ key }) => key).sort()).toEqual(known.sort());
  });

  const withExample = rows.filter(({ cells }) => cells.length === 3);
  test.each(withExample.map(({ key, cells }) => [key, cells.at(-1) ?? '']))(
    'the example of %s is accepted: %s',
    (key, example) => {
      const value = example.replaceAll(/^`"?|"?`$/g, '');
      expect(value).not.toBe('');
      const request = readRequest({
        metadata: { annotations: { [templatesKey]: 'x', [key]: value } },
      });
      expect(['templates', 'opted-out']).toContain(request.kind);
    },
  );
});
