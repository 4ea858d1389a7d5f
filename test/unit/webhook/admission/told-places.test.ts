/** Anybody can send a review with somebody else's namespace in it: the answer must not quote that namespace's ConfigMaps. */
import { describe, expect, test } from 'vitest';
import type { ConfigMapContents } from '../../../../webhook/injection/config-map-contents.ts';
import { answerTo } from '../../../fakes/stranger.ts';

const manager =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';

/** A configuration in which every name is the secret. */
const named = `static_resources:
  listeners:
    - name: hunter2
      traffic_direction: OUTBOUND
      filter_chains:
        - filters:
            - name: hunter2
              typed_config:
                "@type": ${manager}
                stat_prefix: hunter2
                route_config:
                  name: hunter2
                  virtual_hosts:
                    - {name: hunter2, domains: [hunter2], routes: [{match: {prefix: /hunter2}, route: {cluster: hunter2}}]}
                http_filters:
                  - {name: hunter2, typed_config: {"@type": type.googleapis.com/hunter2.v3.Hunter2}}
                  - {name: hunter2.router, typed_config: {"@type": ${router}}}
    - {name: hunter2.tcp}
  clusters:
    - {name: hunter2, type: STRICT_DNS}
dynamic_resources: {cds_config: {path_config_source: {path: /hunter2}}}
`;

const texts: readonly (readonly [string, string])[] = [
  ['a file of settings', 'user = root\npassword = hunter2\n'],
  ['a broken flow map', '{password: hunter2'],
  ['an unknown alias', 'password: *hunter2\n'],
  ['a key that stands twice', 'hunter2: 1\nhunter2: 2\n'],
  ['a scalar too many', 'a: b\n"hunter2" x\n'],
  ['an unknown tag', 'password: !hunter2 [x\n'],
  ['broken JSON', '{"password": "hunter2" "x"}'],
  ['a text alone', 'hunter2'],
  [
    'the v2 API',
    'static_resources: {listeners: [{name: hunter2, filter_chains: [{filters: [{name: envoy.http_connection_manager, config: {hunter2: 1}}]}]}]}\n',
  ],
  ['names everywhere', named],
  [
    'names everywhere, and a manager without filters',
    named.replace(/http_filters:[^]*?- \{name: hunter2.tcp/, 'x: 1\n    - {name: hunter2.tcp'),
  ],
];

describe('what a ConfigMap holds is not told to whoever asks', () => {
  test.each(texts)('%s', (_name, text) => {
    const answer = answerTo(text);
    expect(answer).not.toMatch(/hunter2/i);
    expect(answer).toMatch(/theirs/);
  });

  test('nor are the names of its listeners when another one is asked for', () => {
    const answer = answerTo(named, 'places', { 'svidecar.dev/inject-listeners': 'other' });
    expect(answer).not.toMatch(/hunter2/i);
    expect(answer).toMatch(/ENVOY_CONFIG_INVALID/);
  });
});

test('the place is told, with what says the words', () => {
  const answer = answerTo('a: 1\npassword: *hunter2\n');
  expect(answer).toMatch(
    /ConfigMap victim\/theirs secret\.conf:2:\d+: alias_unknown: a YAML alias has no finished anchor before it; /,
  );
  expect(answer).toMatch(/svidecar explain/);
});

test('the place is told also in what stands in binaryData', () => {
  const inBytes = (text: string): ConfigMapContents => ({
    data: { other: 'x' },
    binaryData: { 'secret.conf': Buffer.from(text).toString('base64') },
  });
  expect(answerTo(inBytes('a: 1\npassword: *hunter2\n'))).toMatch(
    /ConfigMap victim\/theirs secret\.conf:2:\d+: alias_unknown: /,
  );
  expect(answerTo(inBytes(named))).toMatch(/secret\.conf:\d+(:\d+)?: token_without_tls: /);
});

test('warnings keep their id and their line', () => {
  expect(answerTo(named)).toMatch(
    /secret\.conf:\d+(:\d+)?: token_without_tls: a token would leave [^;]*; give each endpoint a TLS transport_socket; svidecar explain/,
  );
});

test('whoever is known to read the ConfigMap is told in words', () => {
  expect(answerTo('password: *hunter2\n', 'words')).toMatch(/hunter2/);
  expect(answerTo(named, 'words')).toMatch(/listener \\"hunter2\\"/);
});
