import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Json, type JsonObject, isArray, isObject, stringAt, sameJson } from '#kernel/json.ts';
import { parseText } from '../../../webhook/editing/parse-text.ts';
import { patchEnvoy } from '../../../webhook/envoy/patch-envoy.ts';
import { both, inject, validate } from '../../golden/envoy/cases.ts';
import { writeConfiguration } from './configuration-writer.ts';

const file = 'envoy.yaml';
const runs = Number(process.env['PROPERTY_RUNS'] ?? 25);

/** A copy in which nothing of ours is left: what the helper's rule and cluster are known by. */
function withoutOurs(value: Json): Json {
  if (isArray(value)) return value.filter((item) => !isOurs(item)).map(withoutOurs);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item = null]) => [key, withoutOurs(item)]),
  );
}

function isOurs(value: Json): boolean {
  if (!isObject(value)) return false;
  const text = JSON.stringify(value['typed_config'] ?? {});
  if (value['name'] === 'envoy.filters.http.ext_authz') return text.includes('svidecar-rule');
  return (
    stringAt(value, 'name')?.startsWith('ext-authz') === true &&
    JSON.stringify(value).includes(':9010')
  );
}

function managersOf(value: Json): readonly JsonObject[] {
  if (isArray(value)) return value.flatMap(managersOf);
  if (!isObject(value)) return [];
  if ('http_filters' in value) return [value];
  return Object.values(value).flatMap((item) => managersOf(item ?? null));
}

test('nothing but our nodes differs, every manager asks the helper once, and the source comes back', () => {
  fc.assert(
    fc.property(
      fc.gen(),
      fc.constantFrom(
        { additions: inject, withDirections: false },
        { additions: validate, withDirections: false },
        { additions: both, withDirections: true },
      ),
      (g, { additions, withDirections }) => {
        const text = writeConfiguration(g, { withDirections });
        const source = { name: 'ConfigMap demo/generated', files: { [file]: text }, main: file };
        const patch = patchEnvoy(source, additions);
        const patched = patch.files[file] ?? '';
        const [before = null, ...othersBefore] = parseText(text, file);
        const [after = null, ...othersAfter] = parseText(patched, file);

        expect(sameJson(withoutOurs(after), before)).toBe(true);
        expect(othersAfter).toEqual(othersBefore);
        for (const manager of managersOf(after)) {
          const filters = manager['http_filters'];
          const list = isArray(filters) ? filters : [];
          expect(list.filter(isOurs)).toHaveLength(1);
          expect(list.at(-2)).toMatchObject({ name: 'envoy.filters.http.ext_authz' });
        }
        const bare = (patch.insertions[file] ?? []).reduceRight(
          (rest, { offset, length }) => rest.slice(0, offset) + rest.slice(offset + length),
          patched,
        );
        expect(bare).toBe(text);
      },
    ),
    { numRuns: runs, endOnFailure: true },
  );
});

test('a configuration that is patched already is left as it is', () => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const text = writeConfiguration(g, { withDirections: true });
      const source = { name: 'ConfigMap demo/generated', files: { [file]: text }, main: file };
      const once = patchEnvoy(source, both).files;
      expect(patchEnvoy({ ...source, files: once }, both).files).toEqual(once);
    }),
    { numRuns: runs, endOnFailure: true },
  );
});
