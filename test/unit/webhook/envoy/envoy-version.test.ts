import { expect, test } from 'vitest';
import { isOlder, parseVersion, versionOfImage } from '../../../../webhook/envoy/envoy-version.ts';

test.each([
  ['envoyproxy/envoy:v1.33.0', '1.33'],
  ['envoyproxy/envoy:v1.33-latest', '1.33'],
  ['envoyproxy/envoy:distroless-v1.40.0', '1.40'],
  ['envoyproxy/envoy:contrib-distroless-v1.30.1', '1.30'],
  ['envoyproxy/envoy-distroless:v1.29.4', '1.29'],
  ['registry.test:5000/mirror/envoy-contrib:1.31.0@sha256:0123', '1.31'],
  ['envoy:v1.28', '1.28'],
])('the image %s holds Envoy %s', (image, version) => {
  expect(versionOfImage(image)).toEqual(parseVersion(version));
});

test.each([
  'envoyproxy/envoy@sha256:0123',
  'envoyproxy/envoy',
  'registry.test:5000/envoy',
  'envoyproxy/envoy:latest',
  'envoyproxy/envoy:dev-1b2c3d4',
  'envoyproxy/envoy:v2.1.0',
  'docker.io/istio/proxyv2:1.24.1',
  'shop/envoy-config:1.40.0/x',
  '',
])('the image %s does not tell', (image) => {
  expect(versionOfImage(image)).toBeUndefined();
});

test('versions are compared as numbers', () => {
  const nine = { major: 1, minor: 9 };
  const ten = { major: 1, minor: 10 };
  expect(isOlder(nine, ten)).toBe(true);
  expect(isOlder(ten, ten)).toBe(false);
  expect(isOlder(ten, nine)).toBe(false);
});
