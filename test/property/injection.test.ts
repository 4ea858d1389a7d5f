import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import {
  decideOn,
  carriedOut,
  injected,
  operationsOf,
  withAnnotations,
} from '../fakes/admission.ts';
import { applyPatch, canonical } from '../fakes/apply-patch.ts';
import { foreignAdditions, randomDeployment, type ForeignAddition } from '../fakes/random-pods.ts';

/** What is refused has no second pass. */
const deployments = randomDeployment.filter((object) => decideOn(object).kind !== 'refused');

const optOut = { 'svidecar.dev/inject': 'false' };
const optIn = { 'svidecar.dev/inject': undefined };

/** Uninjected by annotation, with the annotation taken away again. */
function undone(object: JsonObject): JsonObject {
  return withAnnotations(injected(withAnnotations(object, optOut)), optIn);
}

function specOf(object: JsonObject): JsonObject {
  const spec = object['spec'];
  const template = isObject(spec) ? spec['template'] : undefined;
  const inner = isObject(template) ? template['spec'] : undefined;
  return isObject(inner) ? inner : {};
}

/** The object after another injector was there. */
function withForeign(object: JsonObject, additions: readonly ForeignAddition[]): JsonObject {
  const copy = structuredClone(object);
  const spec: Record<string, Json | undefined> = specOf(copy);
  for (const { list, isFirst, item } of additions) {
    const standing = spec[list];
    const items = isArray(standing) ? standing : [];
    spec[list] = isFirst ? [item, ...items] : [...items, item];
  }
  return copy;
}

test('a second pass gives an empty patch', () => {
  fc.assert(
    fc.property(deployments, (object) => {
      expect(operationsOf(decideOn(injected(object)))).toEqual([]);
    }),
  );
});

test('uninject gives back what was there, nulls and unknown fields included', () => {
  fc.assert(
    fc.property(deployments, (object) => {
      expect(canonical(undone(injected(object)))).toBe(canonical(object));
    }),
  );
});

test('an independent RFC 6902 implementation gives the same object', () => {
  fc.assert(
    fc.property(deployments, (object) => {
      const decision = decideOn(object);
      expect(canonical(applyPatch(object, operationsOf(decision)))).toBe(
        canonical(carriedOut(object, decision)),
      );
    }),
  );
});

test('a second pass gives an empty patch after another injector ran, and undoing leaves its parts', () => {
  fc.assert(
    fc.property(deployments, foreignAdditions, (object, additions) => {
      const settled = injected(withForeign(injected(object), additions));
      expect(operationsOf(decideOn(settled))).toEqual([]);
    }),
  );
});
