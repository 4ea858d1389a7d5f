import { expect, test } from 'vitest';
import { lineOfKey } from '../../../../webhook/manifests/decide-all.ts';

const text = `first: document
---
kind: Pod
metadata:
  annotations:
    svidecar.dev/audience-by-host: a=b
    svidecar.dev/audience: shop, bank
    svidecar.io/audience: a
`;
const object = { line: 3, offset: text.indexOf('kind'), end: text.length };

test.each([
  ['of a key', 'svidecar.dev/audience-by-host', 6],
  ['not of a longer key that begins like it', 'svidecar.dev/audience', 7],
  ['of a key that is nearly ours', 'svidecar.io/audience', 8],
  ["the object's own for a key that is not there", 'svidecar.dev/socket', 3],
  ["the object's own where no key is at fault", undefined, 3],
])('the line is that %s', (_what, key, line) => {
  expect(lineOfKey(key, { text }, object)).toBe(line);
});
