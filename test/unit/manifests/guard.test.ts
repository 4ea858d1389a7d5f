/** What the guard's expressions assume of the engine: template names, aliases, and the text of the status. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { statusText } from '../../../webhook/injection/status.ts';
import { engineFor } from '../../fakes/engine.ts';

const guard = readFileSync('manifests/kustomize/base/guard.yaml', 'utf8');
const hash = '0123456789abcdef0123456789abcdef';
const { library } = engineFor();

/** The names of a list in the guard that this expression finds. */
function namesIn(list: RegExp): readonly string[] {
  const [, names = ''] = list.exec(guard) ?? [];
  return names.split(',').map((name) => name.trim().replaceAll("'", ''));
}

test('the guard knows every built-in template, and which of them bring the helper', () => {
  expect(namesIn(/\[([^\]]+)\]\.filter\(n, /)).toEqual(library.names);
  const withHelper = library.names.filter((name) =>
    library.get(name).parts.some(({ fragment }) => fragment.helperRule !== undefined),
  );
  expect(namesIn(/asked\.exists\(n, n in \[([^\]]+)\]/)).toEqual(withHelper);
});

test('the guard knows every alias', () => {
  const aliases = library.names.flatMap((name) =>
    library.get(name).aliases.map((alias) => [alias, name]),
  );
  for (const [alias = '', name = ''] of aliases) {
    expect(guard).toContain(`n.trim() == '${alias}' ? '${name}'`);
  }
});

test('the status is written as the guard reads it', () => {
  const text = statusText({
    version: '0.1.0',
    templates: ['jwt-inject', 'jwt-validate'],
    helper: { configMap: `svidecar-${hash}`, settings: '{}' },
    envoy: {
      source: 'e',
      derived: `e-svidecar-${hash}`,
      file: 'f',
      directory: '/',
      templates: [],
      values: {},
    },
    undo: { added: {}, created: [], nulls: [], restored: [] },
  });
  for (const part of [
    '"templates":["jwt-inject","jwt-validate"]',
    `"helper":{"configMap":"svidecar-${hash}"`,
    `"derived":"e-svidecar-${hash}"`,
  ]) {
    expect(text).toContain(part);
  }
  // The first list of templates in the text must be the status' own.
  expect(text.indexOf('"templates":')).toBeLessThan(text.indexOf('"envoy":'));
});
