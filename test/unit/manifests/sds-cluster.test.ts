/** `manifests/sds-cluster` is the scene of `manifests/sds` in pods: what must be the same is, but for names and places. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string): string => readFileSync(path, 'utf8');
const inPods: readonly (readonly [RegExp, string])[] = [
  [/ # SVIDECAR_SDS_\w+$/gm, ''],
  [/(name: service-\w+\n +)type: STATIC$/gm, '$1type: STRICT_DNS\n      dns_refresh_rate: 1s'],
  [/\{address: 127\.0\.0\.1, port_value: 8444\}/, '{address: service-purple, port_value: 8443}'],
  [/\{address: 127\.0\.0\.1, port_value: 8445\}/, '{address: service-gray, port_value: 8443}'],
  [/\{address: 127\.0\.0\.1,/g, '{address: 0.0.0.0,'],
  [/port_redirect: 8443/, 'port_redirect: 443'],
  [/\[localhost, front-envoy, 127\.0\.0\.1\]/, '[front-envoy.sds.svc]'],
  [/spiffe:\/\/example\.org\//g, 'spiffe://example.org/ns/sds/sa/'],
  [/\/var\/lib\/svidecar\/sds\/front-envoy\/envoy\//, '/run/envoy/'],
  [/\/var\/lib\/svidecar\/sds\/front-envoy\/server\.pem/, '/etc/front-envoy-server/tls.crt'],
  [/\/var\/lib\/svidecar\/sds\/front-envoy\/server\.key/, '/etc/front-envoy-server/tls.key'],
  [
    /\/var\/lib\/svidecar\/sds\/front-envoy\/agent\/agent\.sock/,
    '/spiffe-workload-api/spire-agent.sock',
  ],
  [/<pre>scripts\/sds status\n +/, '<pre>'],
  [/scripts\/sds logs ([\w%-]+)/g, 'kubectl logs -n sds deployment/$1 -c envoy'],
  [/docs\/sds\.md/, 'docs/sds-cluster.md'],
  [/to our user id and to nobody else/, 'to this container and to no other'],
  [/The agent of this machine/, 'The agent of this node'],
];
/** Which token a route is for; on a machine scripts/sds writes it. */
const audience =
  / +# With a token that only this service accepts\.\n +typed_per_filter_config:\n(?:.*\n){3} +context_extensions: .*\n/g;

test('front-envoy has the configuration of the machine', () => {
  const machine = read('manifests/sds/front-envoy.yaml');
  const expected = inPods.reduce(
    (text, [from, to]) => text.replace(from, to),
    machine.slice(machine.indexOf('node:\n')),
  );
  const [, block = ''] =
    /\n {2}envoy\.yaml: \|\n((?: {4}.*\n|\n)+)/.exec(
      read('manifests/sds-cluster/front-envoy.yaml'),
    ) ?? [];
  const pod = block.replaceAll(/^ {4}/gm, '');
  expect(pod.match(audience)).toHaveLength(2);
  expect(pod.replaceAll(audience, '')).toBe(expected);
});

test('service-gray is service-purple in another colour', () => {
  const purple = read('manifests/sds-cluster/service-purple.yaml');
  expect(read('manifests/sds-cluster/service-gray.yaml')).toBe(purple.replaceAll('purple', 'gray'));
});
