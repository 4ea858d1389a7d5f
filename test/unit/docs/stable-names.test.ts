/**
 * What docs/policy.md calls stable: names that have been released stay, or are deprecated first. The list is of the newest
 * release; scripts/version adds what the one that it ends has brought.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isObject, objectAt, type JsonObject } from '#kernel/json.ts';
import { exitCodes } from '../../../webhook/cli/exit-codes.ts';
import { catalogue } from '../../../webhook/checks/catalogue.ts';
import { deprecations } from '../../../webhook/request/deprecations.ts';
import { writableKeys } from '../../../webhook/request/read-annotations.ts';
import { pagesAt, root, textOf } from './pages.ts';

const file = join(root, 'test/golden/stable-names.txt');

/** All that a pattern's first group finds in files of the tree. */
function namesIn(pattern: RegExp, ...paths: readonly string[]): readonly string[] {
  return pagesAt(...paths).flatMap((path) =>
    [...textOf(path).matchAll(pattern)].map(([, name = '']) => name),
  );
}

/** Paths of all fields, as `helper.image`; of a list those of its items. */
function fieldsOf(schema: JsonObject, before = ''): readonly string[] {
  const items = objectAt(schema, 'items');
  if (Object.keys(items).length > 0) return fieldsOf(items, before);
  return Object.entries(objectAt(schema, 'properties')).flatMap(([name, value]) => {
    const path = before === '' ? name : `${before}.${name}`;
    return [path, ...fieldsOf(isObject(value) ? value : {}, path)];
  });
}

function now(): readonly string[] {
  const values: unknown = JSON.parse(textOf('manifests/helm/svidecar/values.schema.json'));
  const chart = objectAt(isObject(values) ? values : {}, 'properties');
  const { config, ...others } = chart;
  const named: Readonly<Record<string, readonly string[]>> = {
    annotation: writableKeys,
    chart: fieldsOf({ properties: others }),
    check: catalogue.map(({ id }) => id),
    configuration: fieldsOf(isObject(config) ? config : {}),
    error: namesIn(/^ {2}\| '([A-Z_]+)'/gm, 'sidecar/kernel/errors.ts'),
    exit: Object.values(exitCodes).map(String),
    label: namesIn(/Label = '(svidecar\.dev\/[a-z-]+)'/g, 'webhook/request/metadata-keys.ts'),
    metric: namesIn(/'(svidecar_[a-z_]+)'/g, '{webhook,sidecar,bans}/**/*.ts'),
    step: namesIn(/^ {2}\| '([a-z_]+)'/gm, 'webhook/injection/trace.ts'),
    template: pagesAt('templates/*/template.yaml').map((path) => path.split('/')[1] ?? ''),
  };
  const all = Object.entries(named).flatMap(([kind, names]) =>
    names.map((name) => `${kind} ${name}`),
  );
  return [...new Set(all)].sort();
}

test('no name that was released is gone without a deprecation before', () => {
  const released = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const there = now();
  const announced = new Set(deprecations.map(({ kind, name }) => `${kind} ${name}`));
  const gone = released.filter((name) => !there.includes(name) && !announced.has(name));
  expect(gone).toEqual([]);
  if (process.env['UPDATE'] === '1') writeFileSync(file, `${there.join('\n')}\n`);
});
