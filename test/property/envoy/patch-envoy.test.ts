import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Json, type JsonObject, isArray, isObject, stringAt, sameJson } from '#kernel/json.ts';
import { parseText } from '../../../webhook/editing/parse-text.ts';
import type { EnvoyAdditions } from '../../../webhook/envoy/patch-contract.ts';
import { patchEnvoy } from '../../../webhook/envoy/patch-envoy.ts';
import {
  both,
  inject,
  nativeBoth,
  nativeInject,
  nativeValidate,
  validate,
} from '../../golden/envoy/cases.ts';
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
  const name = stringAt(value, 'name') ?? '';
  if (name === 'envoy.filters.http.ext_authz') return text.includes('svidecar-rule');
  if (name.startsWith('svidecar.')) return true;
  return /^(?:ext-authz|auth-helper)/.test(name) && JSON.stringify(value).includes(':9010');
}

/** Without the node, whose members are added where they are lacking. */
function withoutNode(value: Json): Json {
  const { node, ...rest } = isObject(value) ? value : {};
  return rest;
}

/** With SDS it has an id and a cluster; otherwise it stays as it was. */
function isNodeRight(
  { before, after }: { readonly before: Json; readonly after: Json },
  { bootstrap = [] }: EnvoyAdditions,
): boolean {
  const [was, is] = [before, after].map((value) => (isObject(value) ? value['node'] : undefined));
  if (bootstrap.length === 0) return sameJson(was ?? null, is ?? null);
  return isObject(is) && [is['id'], is['cluster']].every((text) => typeof text === 'string');
}

/** Names of our filters in a manager, in order: each rule's, all of them directly before the terminal one. */
const ownFilters: Readonly<Record<string, RegExp>> = {
  ext: /^svidecar\.jwt-(?:inject|validate)$/,
  native:
    /^(?:svidecar\.jwt-inject\.authorization,)?svidecar\.jwt-inject$|^(?:svidecar\.jwt-validate\.caller-header,)?svidecar\.jwt-validate$/,
};

function namesOf(list: readonly Json[]): readonly string[] {
  return list.map((item) => (isObject(item) ? (stringAt(item, 'name') ?? '') : ''));
}

function managersOf(value: Json): readonly JsonObject[] {
  if (isArray(value)) return value.flatMap(managersOf);
  if (!isObject(value)) return [];
  if ('http_filters' in value) return [value];
  return Object.values(value).flatMap((item) => managersOf(item ?? null));
}

test('nothing but our nodes differs, every manager has the filters of one rule, and the source comes back', () => {
  fc.assert(
    fc.property(
      fc.gen(),
      fc.constantFrom(
        { additions: inject, withDirections: false },
        { additions: validate, withDirections: false },
        { additions: both, withDirections: true },
        { additions: nativeInject, withDirections: false, kind: 'native' },
        { additions: nativeValidate, withDirections: false, kind: 'native' },
        { additions: nativeBoth, withDirections: true, kind: 'native' },
      ),
      (g, { additions, withDirections, kind = 'ext' }) => {
        const text = writeConfiguration(g, { withDirections });
        const source = { name: 'ConfigMap demo/generated', files: { [file]: text }, main: file };
        const patch = patchEnvoy(source, additions);
        const patched = patch.files[file] ?? '';
        const [before = null, ...othersBefore] = parseText(text, file);
        const [after = null, ...othersAfter] = parseText(patched, file);

        expect(sameJson(withoutNode(withoutOurs(after)), withoutNode(before))).toBe(true);
        expect(isNodeRight({ before, after }, additions)).toBe(true);
        expect(othersAfter).toEqual(othersBefore);
        for (const manager of managersOf(after)) {
          const filters = manager['http_filters'];
          const list = isArray(filters) ? filters : [];
          const ours = list.filter(isOurs);
          expect(namesOf(ours).join()).toMatch(ownFilters[kind] ?? /never/);
          expect(list.slice(-1 - ours.length, -1)).toEqual(ours);
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
    fc.property(fc.gen(), fc.constantFrom(both, nativeBoth), (g, additions) => {
      const text = writeConfiguration(g, { withDirections: true });
      const source = { name: 'ConfigMap demo/generated', files: { [file]: text }, main: file };
      const once = patchEnvoy(source, additions).files;
      expect(patchEnvoy({ ...source, files: once }, additions).files).toEqual(once);
    }),
    { numRuns: runs, endOnFailure: true },
  );
});
