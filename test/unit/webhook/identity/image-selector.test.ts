import { expect, test } from 'vitest';
import { imageSelector, isImageReference } from '../../../../webhook/identity/image-selector.ts';

const digest = `sha256:${'0'.repeat(64)}`;

test.each([
  ['nginx', 'docker.io/library/nginx:latest'],
  ['svidecar/helper:0.2.0', 'docker.io/svidecar/helper:0.2.0'],
  ['registry.test/helper:1', 'registry.test/helper:1'],
  ['registry.test:5000/a/b', 'registry.test:5000/a/b:latest'],
  ['registry:5000/helper:2', 'registry:5000/helper:2'],
  ['localhost/helper:1', 'localhost/helper:1'],
  [`registry.test/helper:1@${digest}`, `registry.test/helper@${digest}`],
  [`svidecar/helper@${digest}`, `docker.io/svidecar/helper@${digest}`],
])('%s is known to the agent as %s', (image, reference) => {
  expect(isImageReference(image)).toBe(true);
  expect(imageSelector(image)).toBe(`k8s:container-image:${reference}`);
});

test.each([
  '',
  ':1',
  'a b',
  'a\nb',
  'Nginx',
  '/nginx',
  'a//b',
  'a/:1',
  'a:-1',
  'a:',
  'a@sha256:12',
  `a@${digest}@${digest}`,
  '-a.test/b',
  'a.test:port/b',
])('%j names no image', (image) => {
  expect(isImageReference(image)).toBe(false);
});
