import { expect, test } from 'vitest';
import type { FactAnswer, ProxySecrets } from '../../../../webhook/checks/facts.ts';
import { tablesText } from '../../../../webhook/cli/identities-report.ts';
import type { JudgedProxy } from '../../../../webhook/checks/proxy-certificates.ts';
import {
  exitCodeOfProxies,
  jsonOfProxy,
  proxiesText,
} from '../../../../webhook/cli/proxies-report.ts';

const secrets: ProxySecrets = {
  spiffeId: 'spiffe://example.org/ns/shop/sa/web',
  validUntilS: Date.UTC(2026, 0, 1) / 1_000,
  issuer: { kind: 'spire' },
  trustDomains: ['example.org', 'b.test'],
};

function proxy(name: string, answer: FactAnswer<ProxySecrets>, fault?: string): JudgedProxy {
  const where = { kind: 'Pod', namespace: 'shop', name };
  return { where, answer, fault: fault === undefined ? undefined : { message: fault, hint: 'h' } };
}

const well = proxy('web-1', { kind: 'known', value: secrets });
const ofIstiod: ProxySecrets = { ...secrets, issuer: { kind: 'istiod' }, trustDomains: [] };
const wrong = proxy('web-2', { kind: 'known', value: ofIstiod }, "it is istiod's");
const hostile = 'no\u001b[31m';
const unknown = proxy('web-3', { kind: 'unknown', reason: hostile });
const unjudged = proxy('web-4', {
  kind: 'known',
  value: { ...secrets, spiffeId: undefined, issuer: { kind: 'unknown', reason: 'no SPIFFE ID' } },
});

const plain = (_style: unknown, text: string): string => text;

test('people see a table, and what is wrong below its line', () => {
  expect(proxiesText([well, wrong, unknown, unjudged], plain)).toMatchInlineSnapshot(`
    "POD WITH ISTIO'S PROXY  SPIFFE ID                            FROM              UNTIL                 TRUSTS
    shop/web-1              spiffe://example.org/ns/shop/sa/web  SPIRE             2026-01-01T00:00:00Z  example.org
                                                                                                         b.test
    shop/web-2              spiffe://example.org/ns/shop/sa/web  istiod            2026-01-01T00:00:00Z  -
      ✗ it is istiod's
        → h
    shop/web-3              -                                    unknown           -                     -
      ? no\\u001b[31m
    shop/web-4              -                                    cannot be judged  2026-01-01T00:00:00Z  example.org
                                                                                                         b.test
      ? no SPIFFE ID
    "
  `);
});

test('nothing to show is said', () => {
  expect(proxiesText([], plain)).toBe("no pod that svidecar changes has Istio's proxy\n");
});

test('programs get members', () => {
  expect(jsonOfProxy(well)).toEqual({
    kind: 'Pod',
    namespace: 'shop',
    name: 'web-1',
    status: 'known',
    spiffeId: 'spiffe://example.org/ns/shop/sa/web',
    validUntil: 1_767_225_600,
    from: 'spire',
    trustDomains: ['example.org', 'b.test'],
  });
  expect(jsonOfProxy(wrong)).toMatchObject({
    from: 'istiod',
    fault: { message: "it is istiod's" },
  });
  expect(jsonOfProxy(unjudged)).toMatchObject({ from: 'unknown', reason: 'no SPIFFE ID' });
  expect(jsonOfProxy(unknown)).toMatchObject({ status: 'unknown', reason: hostile });
});

test.each([
  [0, [well]],
  [1, [well, unknown, wrong]],
  [3, [well, unknown]],
  [3, [unjudged]],
])('the exit code is %i', (code, proxies) => {
  expect(exitCodeOfProxies(proxies)).toBe(code);
});

test('nobody reads that no helper is asked for where only Istio’s proxies are', () => {
  const shown = { paint: plain, isKnown: true };
  expect(tablesText([], [well], shown)).toBe(proxiesText([well], plain));
  expect(tablesText([], [], shown)).toContain('no workload asks for the helper');
  expect(tablesText([], undefined, shown)).toContain('no workload asks for the helper');
  expect(tablesText([], undefined, { ...shown, isKnown: false })).not.toContain('no workload asks');
});
