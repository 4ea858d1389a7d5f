import { expect, test } from 'vitest';
import { tellOfFederation } from '../../../../webhook/injection/tell-of-federation.ts';
import { Trace } from '../../../../webhook/injection/trace.ts';
import { decideOn } from '../../../fakes/admission.ts';

function told(
  callers: readonly string[],
  trustDomains: readonly string[],
): readonly (readonly [string, string])[] {
  const trace = new Trace();
  const federation = { trustDomains, ownNamed: undefined, unreadable: [] };
  tellOfFederation(
    federation,
    { callers, upstreams: [], spiffeId: 'spiffe://example.org/ns/shop/sa/a' },
    trace,
  );
  return trace.steps.map(({ id, level }) => [id, level]);
}

test('callers of another trust domain need its keys, which come by federation', () => {
  expect(told(['spiffe://example.org'], [])).toEqual([]);
  expect(told(['spiffe://other.org/a', 'spiffe://other.org/b/*'], ['other.org'])).toEqual([]);
  expect(told(['spiffe://other.org'], [])).toEqual([['callers_not_federated', 'warning']]);
  expect(told(['spiffe://example.org.evil/a'], ['example.org.evil'])).toEqual([]);
});

test('keys of which no caller is let in are told of without a warning', () => {
  expect(told(['spiffe://example.org'], ['other.org'])).toEqual([['federation_unused', 'info']]);
});

test('where nothing is validated nobody is told of callers', () => {
  expect(told([], ['other.org'])).toEqual([]);
});

test('a list of any length gives a message of some lines', () => {
  const trace = new Trace();
  const names = Array.from({ length: 5_000 }, (_, index) => `d${index}.test`);
  tellOfFederation(
    { trustDomains: [], ownNamed: undefined, unreadable: names.map((name) => `${name}!`) },
    { callers: names.map((name) => `spiffe://${name}`), upstreams: [], spiffeId: '' },
    trace,
  );
  expect(trace.steps.map(({ id }) => id)).toEqual([
    'federates_with_unreadable',
    'callers_not_federated',
  ]);
  for (const { message } of trace.steps) expect(message.length).toBeLessThan(1_500);
});

test("without callers in the annotations it is the SPIFFE ID's own trust domain that may call", () => {
  const annotations = {
    'inject.svidecar.dev/templates': 'jwt-validate',
    'svidecar.dev/spiffe-id': 'spiffe://other.org/a',
    'svidecar.dev/envoy-config': 'config/envoy.yaml',
  };
  const volumeMounts = [{ name: 'config', mountPath: '/etc/envoy' }];
  const decision = decideOn({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'shop', annotations },
    spec: {
      containers: [{ name: 'envoy', image: 'envoyproxy/envoy:v1.40.0', volumeMounts }],
      volumes: [{ name: 'config', configMap: { name: 'config' } }],
    },
  });
  expect(decision.kind).toBe('injected');
  expect(decision.steps.map(({ id }) => id)).not.toContain('callers_not_federated');
});
