/** The OpenAPI document: whole, for the listener that shows it, and of the shapes that requests are checked with. */
import { expect, test } from 'vitest';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { openApiDocument } from '../../../../bans/service/openapi.ts';

const facts = { version: '1', callersShow: ['jwt', 'x509'], checksShow: true } as const;
const whole = openApiDocument({ ...facts, served: ['bans', 'check', 'logout'] });
const at = (...path: readonly string[]): JsonObject =>
  path.reduce((object, key) => objectAt(object, key), whole);

test('refers to nothing that is not in it', () => {
  const references = [...JSON.stringify(whole).matchAll(/"\$ref":"([^"]*)"/g)].map(([, to]) => to);
  expect(new Set(references)).toEqual(new Set(['#/components/schemas/Problem']));
  expect(JSON.stringify(whole)).not.toContain('$defs');
});

test('has the body of a ban as it is checked', () => {
  const schema = at(
    'paths',
    '/bans/{claim}/{value}',
    'put',
    'requestBody',
    'content',
    'application/json',
    'schema',
  );
  expect(schema).toMatchObject({
    type: 'object',
    additionalProperties: false,
    not: { required: ['until', 'forSeconds'] },
    properties: {
      until: { type: 'string', format: 'date-time' },
      forSeconds: { type: 'integer', minimum: 1 },
      reason: { type: 'string', maxLength: 256 },
    },
  });
});

test('says how callers show who they are, and that a logout needs nothing but its token', () => {
  expect(at('paths', '/bans', 'get')['security']).toEqual([{ jwtSvid: [] }, { x509Svid: [] }]);
  expect(at('paths', '/check', 'get')['security']).toEqual([{ x509Svid: [] }]);
  expect(at('paths', '/logout', 'post')['security']).toEqual([]);
});

test('has only what the listener serves', () => {
  const { paths } = openApiDocument({ ...facts, served: ['logout'] });
  expect(Object.keys(paths ?? {})).toEqual(['/logout', '/openapi.json']);
});
