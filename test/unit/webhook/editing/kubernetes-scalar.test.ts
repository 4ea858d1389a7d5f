/** Manifests mean to svidecar what they mean to kubectl, whose readings these are: `kubectl label --local -o json`, 1.36. */
import { describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { isObject, objectAt, type Json } from '#kernel/json.ts';
import { kubernetesScalar } from '../../../../webhook/editing/kubernetes-scalar.ts';
import { parseText } from '../../../../webhook/editing/parse-text.ts';
import { readByParser } from '../../../../webhook/editing/read-source.ts';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

const readings: readonly (readonly [text: string, value: Json])[] = [
  ['y', true],
  ['n', false],
  ['Y', true],
  ['yes', true],
  ['No', false],
  ['on', true],
  ['OFF', false],
  ['oN', 'oN'],
  ['0400', 256],
  ['0o400', 256],
  ['1_000', 1000],
  ['0x1F', 31],
  ['0b11', 3],
  ['-0400', -256],
  ['08', 8],
  ['+12', 12],
  ['0_1', 1],
  ['1e3', 1000],
  ['1e-3', 0.001],
  ['.5', 0.5],
  ['1.', 1],
  ['1:30', '1:30'],
  ['12:30:45', '12:30:45'],
  ['2026-12-01', '2026-12-01'],
  ['2001-12-14t21:59:43.10-05:00', '2001-12-14t21:59:43.10-05:00'],
  ['~', null],
  ['NULL', null],
  ['=', '='],
  ['0x_1', 1],
  ['1__0', 10],
  ['00', 0],
  ['0.10', 0.1],
  ['1_0.5', 10.5],
  ['123456789012345678901', 123456789012345680000],
  ['0o', '0o'],
  ['0777777777777777777777777', 7.777777777777778e23],
  ['TRUE', true],
  ['-0', 0],
  ['0X1f', 31],
  ['0B1', 1],
  ['0O7', 7],
  ['+.5', 0.5],
  ['"0400"', '0400'],
  ['!!str 0400', '0400'],
  ['_1', '_1'],
  ['10.0.0.1', '10.0.0.1'],
  ['node', 'node'],
  ['noon', 'noon'],
  ['-', '-'],
  ['100m', '100m'],
];

describe('a scalar', () => {
  test.each(readings.filter(([text]) => text !== '-'))('%s is read as %j', (text, value) => {
    const stream = `a: ${text}\n`;
    expect(parseText(stream, 'f', 'kubernetes')).toEqual([{ a: value }]);
    const span = { start: 0, end: stream.length };
    const input = { text: stream, span, where: 'f', dialect: 'kubernetes' } as const;
    expect(readByParser(input).value).toEqual({ a: value });
  });

  test('that is a key is the text of what it is read as', () => {
    const stream = 'on: 1\nn: 2\n0400: 3\n"off": 4\n';
    expect(parseText(stream, 'f', 'kubernetes')).toEqual([{ true: 1, false: 2, 256: 3, off: 4 }]);
  });

  test('that is no member of a map is read so, too', () => {
    for (const [text, value] of readings)
      if (!/["!]/.test(text))
        expect(kubernetesScalar(text), text).toEqual(value === 0 ? expect.closeTo(0) : value);
  });
});

const pod = `apiVersion: v1
kind: Pod
metadata:
  name: a
  labels: {app.kubernetes.io/name: svidecar, app.kubernetes.io/component: webhook}
  annotations: {inject.svidecar.dev/templates: jwt-validate}
spec:
  hostNetwork: yes
  containers: [{name: envoy, image: "envoyproxy/envoy:v1.40.0"}]
  volumes:
  - name: s
    secret: {secretName: s, defaultMode: 0400}
`;

test('a mode in octal is the same in what is printed anew', async () => {
  const volumes = [{ name: 's', secret: { secretName: 's', defaultMode: 256 } }];
  const json = await runSvidecar(['inject', '-o', 'json'], { stdin: pod });
  const [own] = (JSON.parse(json.out) as { items: Json[] }).items;
  expect(objectAt(isObject(own) ? own : {}, 'spec')).toMatchObject({ hostNetwork: true, volumes });
  const rendered = await runSvidecar(['revision', 'render', 'canary'], { stdin: pod });
  expect(parseDocument(rendered.out).toJS()).toMatchObject({
    spec: { hostNetwork: true, volumes },
  });
});

test('a pod on the network of its node is one in the words of YAML 1.1 as well', async () => {
  const said = await runSvidecar(['explain'], { stdin: pod });
  expect(said.out).toContain('host_network');
});
