/** Three ways to a document's value: off the tree of places, by the parser's own walk, by the second parser. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { parseText } from '../../../webhook/editing/parse-text.ts';
import { sameJson, type Json } from '#kernel/json.ts';
import { secondOpinion } from '../../../webhook/editing/second-opinion.ts';
import { writeDocument } from './document-writer.ts';

const runs = Number(process.env['PROPERTY_RUNS'] ?? 60);

function parsersOwn(text: string): Json {
  const document = parseDocument(text, { merge: true, logLevel: 'silent' });
  // The core schema and JSON.stringify leave JSON only.
  return JSON.parse(JSON.stringify(document.toJS() ?? null)) as Json;
}

test.each([
  ['without anchors', false],
  ['with anchors and aliases', true],
])('a document %s has the value that the parser itself gives it', (_what, anchors) => {
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const text = writeDocument(g, { anchors });
      expect(parseText(text, 'generated.yaml')).toEqual([parsersOwn(text)]);
    }),
    { numRuns: runs, endOnFailure: true },
  );
});

test.each<readonly [string, string]>([
  ['a merge key', 'a: &a {x: 1}\nb: {<<: *a, y: 2}\n'],
  ['a merge key that is only quoted', 'a: {"<<": 1}\n'],
  ['an alias inside what another alias stands for', 'a: &a [1]\nb: &b [*a, *a]\nc: *b\n'],
  ['a key that names the prototype', '__proto__: {a: 1}\ntoString: 2\n'],
  ['numbers that JSON lacks', '[.nan, .inf, -0, -0.0]\n'],
  ['null, number and boolean as keys', '~: 1\n7: 2\ntrue: 3\n0x10: 4\n'],
  ['tags', 'a: !!str 1\nb: !!int "2"\nc: !Custom {d: 1}\n'],
  ['one-pair maps in a flow list', '[a: 1, b, {c}]\n'],
  ['nothing', '# only a comment\n'],
])('so has one with %s', (_what, text) => {
  expect(parseText(text, 'a.yaml')).toEqual([parsersOwn(text)]);
});

test('the second parser seldom refuses, and where it answers it agrees', () => {
  let agreed = 0;
  fc.assert(
    fc.property(fc.gen(), (g) => {
      const text = writeDocument(g, { anchors: true });
      const opinion = secondOpinion(text, 'yaml');
      if (opinion === undefined) return;
      expect(sameJson(opinion.value, parsersOwn(text))).toBe(true);
      agreed += 1;
    }),
    { numRuns: runs, endOnFailure: true },
  );
  expect(agreed).toBeGreaterThan(runs / 2);
});
