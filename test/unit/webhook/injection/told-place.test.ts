import { expect, test } from 'vitest';
import { placeIn } from '../../../../webhook/injection/told-place.ts';

const name = 'ConfigMap shop/envoy';
const source = { name, contents: { data: { 'envoy.yaml': '' }, binaryData: { 'lds.yaml': '' } } };

test.each([
  ['line and column', { file: `${name} envoy.yaml`, line: 3, column: 7 }, `${name} envoy.yaml:3:7`],
  ['a line alone', { file: `${name} lds.yaml`, line: 3 }, `${name} lds.yaml:3`],
  ['no line', { file: `${name} envoy.yaml` }, name],
  ['nothing', {}, name],
  ['a file of another ConfigMap', { file: 'ConfigMap shop/other envoy.yaml', line: 3 }, name],
  ['a file that is not in it', { file: `${name} password: hunter2`, line: 3 }, name],
])('what is told of %s', (_what, facts, told) => {
  expect(placeIn(facts, source)).toBe(told);
});
