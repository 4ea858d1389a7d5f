/** The configurations of `manifests/sds` and the script that fits them to a machine say the same. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(path, 'utf8');
const names = ['front-envoy', 'service-purple', 'service-gray'];
const defaults = new Map(
  [...read('scripts/sds.d/settings.sh').matchAll(/\[(\w+)\]=(\d+)/g)].map(
    ([, name = '', value = '']) => [name, value],
  ),
);

test('service-gray is service-purple in another colour, at another port', () => {
  const gray = read('manifests/sds/service-purple.yaml')
    .replaceAll('purple', 'gray')
    .replaceAll('PURPLE', 'GRAY')
    .replaceAll(defaults.get('PURPLE_PORT') ?? '', defaults.get('GRAY_PORT') ?? '');
  expect(read('manifests/sds/service-gray.yaml')).toBe(gray);
});

test.each(names)('%s has the default of each setting that its lines name', (name) => {
  const lines = [
    ...read(`manifests/sds/${name}.yaml`).matchAll(/(\d+)[^\d\n]*# SVIDECAR_SDS_(\w+)$/gm),
  ];
  expect(lines.length).toBeGreaterThan(1);
  for (const [line, value, setting = ''] of lines) {
    expect({ line, value }).toEqual({ line, value: defaults.get(setting) });
  }
});

test('the help of scripts/sds has each setting, with its default', () => {
  const help = read('scripts/sds');
  expect(defaults.size).toBe(9);
  for (const [name, value] of defaults)
    expect(help).toMatch(new RegExp(`SVIDECAR_SDS_${name}\\b.*\\b${value}\\b`));
});
