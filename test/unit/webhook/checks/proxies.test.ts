import { beforeAll, describe, expect, test } from 'vitest';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import type { FactAnswer, ProxySecrets } from '../../../../webhook/checks/facts.ts';
import { judgeProxies, type JudgedProxy } from '../../../../webhook/checks/proxy-certificates.ts';
import { readProxySecrets } from '../../../../webhook/checks/proxy-secrets.ts';
import { injected } from '../../../fakes/admission.ts';
import { factsWith } from '../../../fakes/check-facts.ts';
import { withIstioProxy } from '../../../fakes/istio-injector.ts';
import {
  pageOfIstiod,
  pageOfSpire,
  proxyId,
  proxyIssuer,
  proxyValidUntilS,
} from '../../../fakes/proxy-pages.ts';
import { appAlone, pod, type Annotations } from '../../../fakes/workloads.ts';

const issuer = await proxyIssuer('root');
const stranger = await proxyIssuer('another');
let chain: string;

beforeAll(async () => {
  chain = await issuer.issue(proxyId);
});

describe('the page of an Envoy', () => {
  test('with bundles by trust domain, and a certificate of one of them, is of SPIRE', () => {
    const bundles = { 'example.org': stranger.pem + issuer.pem, 'b.test': stranger.pem };
    expect(readProxySecrets(pageOfSpire(chain, bundles))).toEqual({
      spiffeId: proxyId,
      validUntilS: proxyValidUntilS,
      issuer: { kind: 'spire' },
      trustDomains: ['example.org', 'b.test'],
    });
  });

  test('with one bundle without a name is of istiod', () => {
    expect(readProxySecrets(pageOfIstiod(chain, issuer.pem))).toEqual({
      spiffeId: proxyId,
      validUntilS: proxyValidUntilS,
      issuer: { kind: 'istiod' },
      trustDomains: [],
    });
  });

  test.each<[string, () => JsonObject, string]>([
    [
      'a bundle that did not sign the certificate',
      () => pageOfSpire(chain, { 'example.org': stranger.pem }),
      'not signed by the bundle of example.org',
    ],
    [
      'bundles of others alone',
      () => pageOfSpire(chain, { 'b.test': issuer.pem }),
      'none of example.org',
    ],
    ['no certificate', () => pageOfSpire('', { 'example.org': issuer.pem }), 'no certificate'],
    ['nothing to trust', () => pageOfSpire(chain, {}), 'nothing under the name "ROOTCA"'],
    ['nothing at all', () => ({ configs: [5, {}] }), 'no certificate'],
    [
      'members of other types',
      () => ({ configs: [{ name: 'default', secret: { tls_certificate: 'x' } }] }),
      'no certificate',
    ],
  ])('with %s cannot be judged', (_what, page, says) => {
    const told = readProxySecrets(page());
    expect(told?.issuer.kind).toBe('unknown');
    expect(JSON.stringify(told?.issuer)).toContain(JSON.stringify(says).slice(1, -1));
  });

  test('with a certificate that names no SPIFFE ID cannot be judged', async () => {
    for (const names of [['https://example.org'], ['spiffe://Example.org/x'], []]) {
      const page = pageOfSpire(await issuer.issue(...names), { 'example.org': issuer.pem });
      expect(readProxySecrets(page)).toMatchObject({
        spiffeId: undefined,
        issuer: { kind: 'unknown' },
      });
    }
  });

  test('shows no key, and no more trust domains than anybody has', () => {
    const many = Array.from({ length: 5_000 }, (_, at) => [`d${at}.test`, ''] as const);
    const told = readProxySecrets(pageOfSpire(chain, Object.fromEntries(many)));
    expect(told?.trustDomains).toHaveLength(200);
    expect(JSON.stringify(told)).not.toMatch(/redacted|BEGIN/);
  });

  test('that is another page is told', () => {
    expect(readProxySecrets({ status: 'ok' })).toBeUndefined();
  });
});

describe('a proxy', () => {
  const spire: ProxySecrets = {
    spiffeId: proxyId,
    validUntilS: proxyValidUntilS,
    issuer: { kind: 'spire' },
    trustDomains: ['example.org'],
  };

  function judged(changes: Partial<ProxySecrets>, more: Annotations = {}): JudgedProxy | undefined {
    const asked = { 'inject.svidecar.dev/templates': 'istio-spire', ...more };
    const account = { ...appAlone, serviceAccountName: 'frontend' };
    const made = injected(withIstioProxy(pod(asked, account), 'initContainers'));
    const object = { ...made, metadata: { ...objectAt(made, 'metadata'), uid: 'u' } };
    const answer: FactAnswer<ProxySecrets> = { kind: 'known', value: { ...spire, ...changes } };
    const proxies = new Map([['shop/frontend-1', answer]]);
    return judgeProxies(factsWith({ pods: [object] }, { proxies }))[0];
  }

  test.each<[string, Partial<ProxySecrets>, Annotations]>([
    ['with its SVID', {}, {}],
    [
      'with the bundles that it federates with',
      { trustDomains: ['b.test', 'example.org'] },
      { 'spiffe.io/federatesWith': 'b.test' },
    ],
    ['that cannot be judged', { issuer: { kind: 'unknown', reason: 'x' } }, {}],
  ])('%s is no fault', (_what, changes, more) => {
    const told = judged(changes, more);
    expect(told).toMatchObject({ where: { namespace: 'shop', name: 'frontend-1' } });
    expect(told?.fault).toBeUndefined();
  });

  test.each<[string, Parameters<typeof judged>, string]>([
    [
      'of istiod',
      [{ issuer: { kind: 'istiod' }, trustDomains: [] }],
      "its certificate is istiod's, although istio-spire was asked for",
    ],
    ['that is over', [{ validUntilS: Date.UTC(2026, 0, 1) / 1_000 }], 'its certificate is over'],
    [
      "of somebody else's account",
      [{ spiffeId: 'spiffe://example.org/ns/shop/sa/backend' }],
      'none but spiffe://<trust domain>/ns/shop/sa/frontend',
    ],
    [
      'of a longer path',
      [{ spiffeId: 'spiffe://example.org/x/ns/shop/sa/frontend' }],
      'none but spiffe://<trust domain>/ns/shop/sa/frontend',
    ],
    [
      'without a bundle that it federates with',
      [{}, { 'spiffe.io/federatesWith': 'b.test' }],
      'it federates with b.test, whose bundle is not in its ROOTCA',
    ],
  ])('%s is', (_what, told, says) => {
    const fault = judged(...told)?.fault;
    expect(fault?.message).toContain(says);
    expect(fault?.hint).not.toBe('');
  });

  test("may have istiod's where nobody has asked for another", () => {
    const more = {
      'inject.svidecar.dev/templates': 'jwt-validate',
      'svidecar.dev/envoy-container': 'istio-proxy',
    };
    expect(judged({ issuer: { kind: 'istiod' } }, more)?.fault).toBeUndefined();
  });
});
