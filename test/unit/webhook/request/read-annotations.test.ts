import { describe, expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { readRequest } from '../../../../webhook/request/read-annotations.ts';
import { misplacedKeys } from '../../../../webhook/request/stray-keys.ts';
import { settingKeys, type SettingKey } from '../../../../webhook/request/metadata-keys.ts';

function requestFor(annotations: Readonly<Record<string, unknown>>): unknown {
  // A manifest read offline may hold any JSON where an annotation should be.
  return readRequest(
    JSON.parse(JSON.stringify({ metadata: { annotations }, spec: {} })) as object &
      Record<string, never>,
  );
}

function settingOf(key: SettingKey, value: string): unknown {
  const request = requestFor({
    'inject.svidecar.dev/templates': 'x',
    [`svidecar.dev/${key}`]: value,
  });
  return (request as { settings: Record<string, unknown> }).settings[key];
}

function faultOf(annotations: Readonly<Record<string, unknown>>): AppError {
  try {
    requestFor(annotations);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const accepted: readonly (readonly [SettingKey, string, unknown])[] = [
  ['access-log', 'false', false],
  [
    'allow-callers',
    'spiffe://a.test/ns/x/*, spiffe://a.test',
    ['spiffe://a.test/ns/x/*', 'spiffe://a.test'],
  ],
  ['audience', ' spiffe://a.test/b ,c', ['spiffe://a.test/b', 'c']],
  ['audience', 'a,a', ['a']],
  ['audience-by-host', 'A.test:8080=x, *.b.test = y=z', { 'a.test:8080': 'x', '*.b.test': 'y=z' }],
  ['authorization', 'overwrite', 'overwrite'],
  ['ban-claims', 'email, /realm/user', ['email', '/realm/user']],
  ['ban-hosts', 'www.example.com,*.example.org', ['www.example.com', '*.example.org']],
  ['ban-store', 'central', 'central'],
  ['ban-token', 'header', 'header'],
  ['ban-token', 'cookie:__Host-session', 'cookie:__Host-session'],
  ['caller-header', 'X-Caller', 'x-caller'],
  ['caller-metadata', 'true', true],
  ['cpu-limit', '0.5', '0.5'],
  ['cpu-request', '50m', '50m'],
  ['data-path', 'ext-authz', 'ext-authz'],
  ['envoy-config', 'config/envoy.yaml', 'config/envoy.yaml'],
  ['envoy-container', 'proxy', 'proxy'],
  ['federates-with', 'b.test, spiffe://a.test,b.test, spiffe://b.test', ['b.test', 'a.test']],
  ['forward-token', 'true', true],
  ['forward-token', 'false', false],
  ['image', 'registry.test/helper@sha256:00', 'registry.test/helper@sha256:00'],
  ['inbound', '8443=8080', [{ protocol: 'http', listen: 8443, app: 8080 }]],
  ['inject-audience', 'backend', ['backend']],
  ['inject-listeners', 'out,*', ['out', '*']],
  ['log-level', 'debug', 'debug'],
  ['memory-limit', '128Mi', '128Mi'],
  ['memory-request', '1000000', '1000000'],
  ['native-sidecar', 'auto', 'auto'],
  ['skip-paths', '/healthz, /static/*', ['/healthz', '/static/*']],
  ['socket', 'hostPath', 'hostPath'],
  ['spiffe-id', 'spiffe://a.test/b', 'spiffe://a.test/b'],
  ['trust-domain', 'a.test', 'a.test'],
  [
    'upstreams',
    'tcp:9001=db.shop:5432 spiffe://a.test/db',
    [
      {
        protocol: 'tcp',
        listen: 9001,
        host: 'db.shop',
        port: 5432,
        spiffeId: 'spiffe://a.test/db',
      },
    ],
  ],
  ['validate-audience', 'a,b', ['a', 'b']],
  ['validate-before', 'a.b, c', ['a.b', 'c']],
  ['validate-listeners', 'in', ['in']],
];

const refused: readonly (readonly [SettingKey, string, RegExp])[] = [
  ['access-log', 'json', /one of true, false/],
  ['allow-callers', 'example.org', /write SPIFFE IDs, prefixes/],
  ['allow-callers', 'spiffe://a.test/ns/*/x', /write SPIFFE IDs/],
  ['audience', '', /separated by commas and not empty/],
  ['audience', 'a,,b', /separated by commas/],
  ['audience', 'with space', /visible characters/],
  ['audience-by-host', 'a.test', /host=audience pairs/],
  ['audience-by-host', 'a.test=x,A.test=y', /no host may be named twice/],
  ['audience-by-host', 'http://a.test=x', /host=audience pairs/],
  ['audience-by-host', '*.a.test:443=x', /may be host:port or \*\.suffix/],
  ['authorization', 'Deny', /one of deny, overwrite, keep/],
  ['ban-claims', 'email,,sub', /separated by commas and not empty/],
  ['ban-claims', '/a~b', /JSON pointers such as/],
  ['ban-claims', 'a,b,c,d,e,f,g,h,i', /at most 8 of them/],
  ['ban-hosts', 'https://a.test', /exact or \*\.suffix/],
  ['ban-hosts', 'a.test:443', /exact or \*\.suffix/],
  ['ban-hosts', 'a.*.test', /exact or \*\.suffix/],
  ['ban-store', 'My Store', /name of a store/],
  ['ban-token', 'cookie', /header, or cookie:/],
  ['ban-token', 'cookie:a b', /header, or cookie:/],
  ['caller-metadata', 'svidecar', /one of true, false/],
  ['caller-header', 'authorization', /none of authorization/],
  ['caller-header', 'x caller', /an HTTP header name/],
  ['caller-header', ':path', /an HTTP header name/],
  ['caller-header', 'Host', /none of authorization, host/],
  ['caller-header', 'transfer_encoding', /none of authorization/],
  ['caller-header', 'x-envoy-original-path', /Envoy does not write itself/],
  ['caller-header', 'x_envoy_peer', /Envoy does not write itself/],
  ['caller-header', 'X-Request-Id', /Envoy does not write itself/],
  ['caller-header', 'x-forwarded-client-cert', /Envoy does not write itself/],
  ['caller-header', 'traceparent', /Envoy does not write itself/],
  ['caller-header', 'x-a-b-c-d-e', /at most 4 of/],
  ['cpu-limit', '64Mi', /CPU/],
  ['cpu-request', '-1', /CPU/],
  ['data-path', 'native-ish', /one of/],
  ['envoy-config', '/etc/envoy/envoy.yaml', /<volume>\/<file>/],
  ['envoy-container', 'Envoy', /name of a container/],
  ['federates-with', 'https://a.test', /names of trust domains such as partner\.example/],
  ['federates-with', 'A.test', /names of trust domains/],
  ['federates-with', 'spiffe://a.test/ns/shop', /names of trust domains/],
  ['federates-with', '*', /names of trust domains/],
  ['federates-with', 'a.test,,b.test', /separated by commas and not empty/],
  ['forward-token', 'no', /one of true, false/],
  ['image', 'a b', /image reference/],
  ['inbound', '8443:8080', /pairs of a port to listen on/],
  ['inject-audience', ' , ', /separated by commas/],
  ['inject-listeners', 'a,', /listener names/],
  ['log-level', 'verbose', /one of debug, info, warn, error/],
  ['memory-limit', '500m', /memory/],
  ['memory-request', 'lots', /memory/],
  ['native-sidecar', 'yes', /one of auto, true, false/],
  ['skip-paths', 'healthz', /paths beginning with \//],
  ['skip-paths', '/a/../b', /normal form/],
  ['skip-paths', '/a//b', /normal form/],
  ['skip-paths', '/a%2fb', /normal form/],
  ['skip-paths', '/a*b', /normal form/],
  ['socket', 'hostpath', /one of csi, hostPath/],
  ['spiffe-id', 'spiffe://A.test/b', /a SPIFFE ID; .*upper case/],
  ['trust-domain', 'a.test:8081', /a trust domain name; .*no port/],
  ['upstreams', '9001=backend.shop:8443', /who must answer/],
  ['validate-audience', 'a b', /visible characters/],
  ['validate-before', 'a,,b', /names of HTTP filters/],
  ['validate-listeners', '', /listener names/],
];

describe('a setting', () => {
  test.each(accepted)('%s takes "%s"', (key, value, parsed) => {
    expect(settingOf(key, value)).toEqual(parsed);
  });

  test.each(refused)('%s refuses "%s" with what is allowed', (key, value, says) => {
    const fault = faultOf({ [`svidecar.dev/${key}`]: value });
    expect(fault.code).toBe('ANNOTATION_INVALID');
    expect(fault.message).toContain(`annotation svidecar.dev/${key}: "${value}" is not allowed`);
    expect(fault.message).toMatch(says);
  });

  test('every key stands in both tables', () => {
    for (const table of [accepted, refused]) {
      expect([...new Set(table.map(([key]) => key))].sort()).toEqual([...settingKeys]);
    }
  });

  test('a very long value is not repeated in full', () => {
    const fault = faultOf({ 'svidecar.dev/socket': 'x'.repeat(5000) });
    expect(fault.message.length).toBeLessThan(300);
  });

  test.each([[false], [1], [null], [{}]])(
    'an annotation that is no text (%j) is refused',
    (value) => {
      const fault = faultOf({ 'svidecar.dev/inject': value });
      expect(fault).toMatchObject({ code: 'ANNOTATION_INVALID' });
      expect(fault.message).toContain('put it in quotes');
    },
  );
});

describe('an unknown key', () => {
  test.each([
    ['svidecar.dev/audiance', 'did you mean svidecar.dev/audience?'],
    ['svidecar.dev/templates', 'did you mean inject.svidecar.dev/templates?'],
    ['inject.svidecar.dev/template', 'did you mean inject.svidecar.dev/templates?'],
    ['svidecar.dev/injected', 'did you mean svidecar.dev/inject?'],
    ['svidecar.dev/quite-another-thing', 'known are svidecar.dev/access-log'],
  ])('%s is refused with %s', (key, says) => {
    const fault = faultOf({ [key]: 'x' });
    expect(fault.code).toBe('ANNOTATION_UNKNOWN');
    expect(fault.message).toContain(`annotation ${key} is unknown`);
    expect(fault.message).toContain(says);
  });
});

describe('a request', () => {
  const templates = 'inject.svidecar.dev/templates';
  const inject = 'svidecar.dev/inject';

  test.each([
    ['nothing', {}, { kind: 'none' }],
    ['the keys of others', { 'example.org/inject': 'x' }, { kind: 'none' }],
    ['only the status', { 'svidecar.dev/status': '{}' }, { kind: 'none' }],
    [
      'settings alone',
      { 'svidecar.dev/audience': 'a' },
      { kind: 'settings-only', keys: ['svidecar.dev/audience'] },
    ],
    ['inject "true" alone', { [inject]: 'true' }, { kind: 'settings-only', keys: [inject] }],
    ['inject "false"', { [inject]: 'false', [templates]: 'jwt-inject' }, { kind: 'opted-out' }],
    ['no names', { [templates]: ' ' }, { kind: 'opted-out' }],
    ['a list', { [templates]: ' b, a,b' }, { kind: 'templates', names: ['b', 'a'], settings: {} }],
  ])('%s', (_name, annotations, request) => {
    expect(requestFor(annotations)).toEqual(request);
  });

  test('a wrong setting does not stand in the way of an opt-out', () => {
    expect(requestFor({ [inject]: 'false', 'svidecar.dev/socket': 'x' })).toEqual({
      kind: 'opted-out',
    });
  });

  test.each([['jwt-inject,'], [','], ['a,,b']])('the template list "%s" is refused', (list) => {
    const fault = faultOf({ [templates]: list });
    expect(fault.code).toBe('ANNOTATION_INVALID');
    expect(fault.message).toContain(
      `annotation ${templates}: "${list}" is not allowed; write template names`,
    );
  });

  test('inject takes only "true" and "false"', () => {
    expect(faultOf({ [inject]: 'no' }).message).toContain('write "true" or "false"');
  });

  test('our keys on a workload itself are found, its status is not', () => {
    const annotations = { [templates]: 'x', 'svidecar.dev/status': '{}', 'other/key': 'x' };
    expect(misplacedKeys({ annotations })).toEqual([templates]);
    expect(misplacedKeys({})).toEqual([]);
  });
});
