import { expect, test } from 'vitest';
import { proxyConfigSaid } from '../../../../webhook/injection/istio-proxy-config.ts';

test.each([
  'interceptionMode: NONE',
  'interception_mode: "NONE"',
  'interceptionMode: 2',
  'interceptionMode: !!str NONE',
  'interceptionMode: # of the app\n  NONE',
  '{"interceptionMode":"\\u004eONE"}',
  'x: &mode NONE\ninterceptionMode: *mode',
  'x: &all {interceptionMode: NONE}\n<<: *all',
  // Read by Istio, and not by us.
  `interceptionMode: NONE\n${'a: b\n'.repeat(50_000)}`,
  'interceptionMode: REDIRECT\ninterceptionMode: NONE',
])('connections go past Envoy: %s', (text) => {
  expect(proxyConfigSaid(text).isUncaught).toBe(true);
});

test.each([
  '',
  '[]',
  'interceptionMode: TPROXY # not interceptionMode: NONE',
  'proxyMetadata: {}\n---\ninterceptionMode: NONE',
  'proxyMetadata: {interceptionMode: NONE}',
  '['.repeat(20_000),
])('connections are led to Envoy: %j', (text) => {
  expect(proxyConfigSaid(text).isUncaught).toBe(false);
});

test.each([
  ['proxyMetadata:\n  WORKLOAD_IDENTITY_SOCKET_FILE: a.sock', 'a.sock'],
  ['{"proxy_metadata":{"WORKLOAD_IDENTITY_SOCKET_FILE":"a.sock"}}', 'a.sock'],
  ['proxyMetadata:\n  # WORKLOAD_IDENTITY_SOCKET_FILE: a.sock\n  OTHER: b', undefined],
  ['proxyMetadata:\n  WORKLOAD_IDENTITY_SOCKET_FILE: a.sock\n  A: b\n  A: c', 'a.sock'],
])('the socket that a proxy is told of: %j', (text, file) => {
  expect(proxyConfigSaid(text).socketFile).toBe(file);
});
