import { describe, expect, test } from 'vitest';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import { derivedNameBy } from '../../../../webhook/injection/plan-name.ts';
import { nameHashOf } from '../../../../webhook/injection/hash.ts';
import { PatchedCopies } from '../../../../webhook/injection/patched-copies.ts';
import { parseStatus } from '../../../../webhook/injection/status.ts';
import { statusKey } from '../../../../webhook/request/metadata-keys.ts';
import { renderEnvoy, wantedBy, type ConfigMapUser } from '../../../../webhook/desired/desired.ts';
import { desiredConfigMaps, type Desired } from '../../../../webhook/desired/marks.ts';
import { injected, valueAt } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { envoyConfig } from '../../../bench/review-bodies.ts';
import { deployment, injectBackend } from '../../../fakes/workloads.ts';
import { helperFor } from '../../../fakes/desire.ts';

const { library, memory } = engineFor();
const statusPath = `/spec/template/metadata/annotations/${statusKey.replace('/', '~1')}`;

function statusFor(annotations: Readonly<Record<string, string>>): string {
  const annotation = valueAt(injected(deployment(annotations)), statusPath);
  return typeof annotation === 'string' ? annotation : '';
}

const status = statusFor(injectBackend);

/** The same status with other settings, under the name that follows from them. */
function withSettings(text: string, nameOf = helperFor): string {
  const value: unknown = JSON.parse(status);
  const helper = { configMap: nameOf(text), settings: text };
  return JSON.stringify({ ...(isObject(value) ? value : {}), helper });
}

const parsed: unknown = JSON.parse(status);
const settings = stringAt(objectAt(isObject(parsed) ? parsed : {}, 'helper'), 'settings') ?? '';

/** Found in two seconds by trying: the hashes of both begin with the same 40 bits. */
const collision = [516_528, 1_325_617].map((n) => `allowCallers:\n  - spiffe://example.org/${n}\n`);

function fail(): never {
  throw new TypeError('the status has no Envoy plan');
}

function legacyName(text: string): string {
  return helperFor(text).slice(0, 'svidecar-'.length + 10);
}

function user(name: string, text = status): ConfigMapUser {
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name, uid: `uid-${name}` };
  return { namespace: 'shop', kind: 'Deployment', name, owner, status: text };
}

function desired(users: readonly ConfigMapUser[], text: string | undefined = envoyConfig): Desired {
  const source = {
    namespace: 'shop',
    name: 'frontend-envoy',
    uid: 'uid-source',
    resourceVersion: '1',
    data: { 'envoy.yaml': text },
  };
  const sources = new Map(text === '' ? [] : [[source.name, source] as const]);
  return desiredConfigMaps('shop', users, {
    sources,
    memory,
    marks: { labels: {}, annotations: {} },
  });
}

describe('desired ConfigMaps', () => {
  test('workloads with equal settings share one, which belongs to each of them once', () => {
    const { configMaps, problems } = desired([user('a'), user('b'), user('a')]);
    expect(problems).toEqual([]);
    const [helper, derived] = configMaps;
    expect(helper).toMatchObject({
      immutable: true,
      labels: { 'app.kubernetes.io/managed-by': 'svidecar' },
    });
    expect(helper?.owners.map(({ uid }) => uid)).toEqual(['uid-a', 'uid-b']);
    expect(helper?.data['helper.yaml']).toContain('"mode": "inject"');
    expect(derived).toMatchObject({
      immutable: false,
      owners: [{ kind: 'ConfigMap', uid: 'uid-source' }],
    });
    expect(derived?.data['envoy.yaml']).toContain('name: svidecar.jwt-');
  });

  test('those of the native data path are rendered from the status alone', () => {
    const native = statusFor({
      ...injectBackend,
      'svidecar.dev/data-path': 'native',
      'svidecar.dev/audience-by-host': 'ledger.test=ledger',
    });
    const { configMaps, problems } = desired([user('a', native)]);
    expect(problems).toEqual([]);
    const [helper, derived] = configMaps;
    expect(helper?.data['helper.yaml']).toContain('"dataPath": "native"');
    const text = derived?.data['envoy.yaml'] ?? '';
    expect(text).toContain('name: jwt-svid/ledger');
    expect(text).toContain(String.raw`regex: "(?i:ledger\\.test\\.?(?::[0-9]*)?)"`);
    expect(text).not.toContain('${');
    expect(text).not.toContain('ext_authz');
  });

  test('without its source only the helper gets one', () => {
    const { configMaps, problems } = desired([user('a')], '');
    expect(configMaps.map(({ immutable }) => immutable)).toEqual([true]);
    expect(problems).toMatchObject([{ reason: 'EnvoyConfigMissing', users: [{ name: 'a' }] }]);
  });

  test.each([
    ['text_unparsable', 'a: 1\npassword: [hunter2'],
    ['template_not_filled_in', 'password: hunter2 {{ .Values.x }}: 1\n'],
    ['placeholders_not_filled_in', 'password: {hunter2: ${NAME}}\n'],
  ])('%s: an event does not quote what the parser does', (reason, text) => {
    const [problem] = desired([user('a')], text).problems;
    expect(problem?.message).toMatch(new RegExp(`envoy\\.yaml:\\d+:\\d+: ${reason}: `));
    expect(problem?.message).not.toContain('hunter2');
  });

  test('a source that cannot be parsed is a problem of its own, with a place', () => {
    const { configMaps, problems } = desired([user('a')], 'a: [');
    expect(configMaps).toHaveLength(1);
    const message: unknown = expect.stringMatching(/ConfigMap shop\/frontend-envoy.*envoy\.yaml/);
    expect(problems).toMatchObject([{ reason: 'EnvoyConfigInvalid', message }]);
  });

  test.each([
    [
      'another helper name',
      status.replace(
        /"configMap":"svidecar-[0-9a-f]+"/,
        `"configMap":"svidecar-${'0'.repeat(32)}"`,
      ),
    ],
    [
      'other settings',
      status.replace(String.raw`\"mode\": \"inject\"`, String.raw`\"mode\": \"other\"`),
    ],
    ['another derived name', status.replace(/"derived":"[^"]+"/, '"derived":"kube-root-ca.crt"')],
    ['another source', status.replace('"source":"frontend-envoy"', '"source":"other"')],
    ['damage', status.slice(0, 40)],
    ['half a character in its settings', withSettings(`${settings}\ud800`)],
  ])('a status with %s has nothing written', (_name, text) => {
    expect(text).not.toBe(status);
    const { configMaps, problems } = desired([user('a', text)]);
    expect(configMaps).toEqual([]);
    const message: unknown = expect.stringContaining('Deployment shop/a');
    expect(problems).toMatchObject([{ reason: 'StatusInvalid', message }]);
  });

  test.each(['constructor', '__proto__', 'toString', 'not-there'])(
    'a file called %s costs its own workload alone',
    (file) => {
      const envoy = objectAt(isObject(parsed) ? parsed : {}, 'envoy');
      const { derived: _derived, ...plan } = parseStatus(status).envoy ?? fail();
      const named = { ...envoy, file, derived: derivedNameBy({ ...plan, file })(nameHashOf('')) };
      const forged = JSON.stringify({ ...(isObject(parsed) ? parsed : {}), envoy: named });
      const { configMaps, problems } = desired([user('forged', forged), user('honest')]);
      expect(configMaps).toHaveLength(2);
      expect(problems).toMatchObject([
        { reason: 'EnvoyConfigInvalid', users: [{ name: 'forged' }] },
      ]);
    },
  );

  test('what nobody expected while one is rendered is the fault of that one', () => {
    const broken = {
      ...library,
      get: (): never => {
        throw new RangeError('Maximum call stack size exceeded');
      },
    };
    const { envoys } = wantedBy([user('a')]);
    const source = { namespace: 'shop', name: 'frontend-envoy', uid: 'u', resourceVersion: '1' };
    const rendered = envoys.map((envoy) =>
      renderEnvoy('shop', envoy, {
        source: { ...source, data: { 'envoy.yaml': envoyConfig } },
        copies: new PatchedCopies(broken),
      }),
    );
    expect(rendered).toMatchObject([{ problem: { reason: 'EnvoyConfigInvalid' } }]);
  });

  test.each([
    ['brackets', '['.repeat(120_000)],
    ['closed brackets', '['.repeat(60_000) + ']'.repeat(60_000)],
    [
      'brackets in a value',
      status.replace('"values":{', `"values":{"a":${'['.repeat(60_000)}${']'.repeat(60_000)},`),
    ],
  ])('a status of %s costs its own workload alone', (_name, text) => {
    const { configMaps, problems } = desired([user('forged', text), user('honest')]);
    expect(configMaps).toHaveLength(2);
    expect(problems).toMatchObject([{ reason: 'StatusInvalid', users: [{ name: 'forged' }] }]);
    expect(problems[0]?.message.length).toBeLessThan(1_000);
  });

  describe('names of versions before 0.1.0, of 40 bits', () => {
    test('are served', () => {
      const { configMaps, problems } = desired([user('a', withSettings(settings, legacyName))]);
      expect(problems).toEqual([]);
      expect(configMaps.map(({ name }) => name)).toContain(legacyName(settings));
    });

    test('are written for nobody where two mean different contents', () => {
      expect(new Set(collision.map(legacyName)).size).toBe(1);
      const users = collision.map((text, i) => user(`w${i}`, withSettings(text, legacyName)));
      const { configMaps, problems } = desired(users);
      expect(configMaps.map(({ immutable }) => immutable)).toEqual([false]);
      expect(problems).toMatchObject([
        { reason: 'ConfigMapTaken', users: [{ name: 'w0' }, { name: 'w1' }] },
      ]);
      const current = desired(collision.map((text, i) => user(`w${i}`, withSettings(text))));
      expect(current.problems).toEqual([]);
      expect(current.configMaps).toHaveLength(3);
    });
  });
});
