/** A secret in any place of a workload or its Envoy's files, whatever it and the file's form are, is not on the page. */
import fc from 'fast-check';
import { stringify } from 'yaml';
import { expect, test } from 'vitest';
import type { Json } from '#kernel/json.ts';
import { shownEnvoy } from '../../webhook/console/shown-envoy.ts';
import { shownFiles } from '../../webhook/console/shown-files.ts';
import { shownObject } from '../../webhook/console/shown-object.ts';
import { leakyConfigMap, leakyDeployment, leakyEnvoy } from '../fakes/leaky-shop.ts';

/** Nothing else has this in it. */
const mark = 'Zq7';
/** What may stand in a URL, a query and a quoted word alike, and begins or ends nothing in them. */
const secrets = fc
  .string({
    unit: fc.constantFrom(...Array.from('abcXYZ0189_+.~%!*$-=')),
    minLength: 1,
    maxLength: 30,
  })
  .map((text) => `${mark}${text}${mark}`);
/** For places that are values of their own. */
const anyText = fc
  .string({ unit: 'binary', maxLength: 30 })
  .map((text) => `${text.toWellFormed().replaceAll(/\p{Cc}/gu, '\n')}${mark}`);

const forms = fc.constantFrom<(value: Json) => string>(
  (value) => stringify(value),
  (value) => stringify(value, { lineWidth: 0 }),
  (value) => stringify(value, { collectionStyle: 'flow' }),
  (value) => stringify(value, { defaultStringType: 'QUOTE_SINGLE' }),
  (value) => stringify(value, { defaultStringType: 'BLOCK_LITERAL' }),
  (value) => JSON.stringify(value),
  (value) => `# ${mark}\n${stringify(value)}\n# ${mark}`,
  (value) => `--- # ${mark}\n${stringify(value)}`,
);

test('of an object', () => {
  fc.assert(
    fc.property(secrets, (secret) => {
      const shown = [leakyDeployment({}, () => secret), leakyConfigMap('', () => secret)];
      expect(JSON.stringify(shown.map(shownObject))).not.toContain(mark);
    }),
  );
});

test('of an Envoy file in any form', () => {
  fc.assert(
    fc.property(secrets, forms, forms, (secret, one, other) => {
      const value = leakyEnvoy(() => secret);
      const { problem, ...shown } = shownFiles(
        { before: one(value), after: other({ ...value, added: 1 }) },
        { dialect: 'envoy', hide: shownEnvoy },
      );
      expect(problem).toBeUndefined();
      expect(JSON.stringify(shown)).not.toContain(mark);
    }),
  );
});

test('whatever characters it has', () => {
  const how = { dialect: 'envoy', hide: shownEnvoy } as const;
  fc.assert(
    fc.property(anyText, forms, (secret, form) => {
      const value = {
        list: [{ inline_string: secret }, { key: 'x-a', value: secret }, { password: secret }],
        deep: { client_secret: { any: [secret, { more: secret }] } },
      };
      expect(shownFiles({ before: '', after: form(value) }, how).after).not.toContain(mark);
      const container = {
        env: [{ name: 'A', value: secret }],
        args: [secret, `--a=${secret}`, `-a${secret}`],
        command: ['sh', '-c', secret],
      };
      const metadata = { annotations: { a: secret, 'svidecar.dev/status': secret } };
      const object = { metadata, spec: { containers: [container] } };
      expect(JSON.stringify(shownObject(object))).not.toContain(mark);
    }),
  );
});
