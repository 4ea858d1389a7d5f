import { expect, test } from 'vitest';
import { AppError, failureAt, placeText } from '#kernel/errors.ts';

test.each([
  [{ file: 'a.yaml', line: 3 }, 'a.yaml:3'],
  [
    { file: 'ConfigMap shop/web envoy.yaml', line: 3, column: 7 },
    'ConfigMap shop/web envoy.yaml:3:7',
  ],
])('a place reads as editors write it: %o', (place, text) => {
  expect(placeText(place)).toBe(text);
});

test('a failure at a place begins with it, and has it among its facts', () => {
  const place = { file: 'a.yaml', line: 3, column: 7 };
  const why = 'a text, where a map is expected';
  const failure = failureAt('TEXT_UNPARSABLE', place, {
    why,
    reason: 'not_a_map',
    facts: { key: 'svidecar.dev/audience' },
  });
  expect(failure).toMatchObject({
    code: 'TEXT_UNPARSABLE',
    reason: 'not_a_map',
    message: 'a.yaml:3:7: a text, where a map is expected',
  });
  expect(failure.facts).toEqual({ ...place, key: 'svidecar.dev/audience' });
});

test('a failure without facts has none', () => {
  expect(new AppError('USAGE', 'so').facts).toEqual({});
});
