import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { federationHash } from '../../../../webhook/injection/registration-labels.ts';
import {
  carriedOut,
  decideOn,
  injected,
  valueAt,
  withAnnotations,
} from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { deployment, injectBackend } from '../../../fakes/workloads.ts';

const byController = { engine: engineFor({ registration: 'clusterspiffeid' }) };
const federating = { ...injectBackend, 'spiffe.io/federatesWith': 'b.test, a.test' };
const labels = '/spec/template/metadata/labels';

function labelOf(object: JsonObject): unknown {
  return valueAt(object, `${labels}/svidecar.dev~1federation`);
}

describe('where spire-controller-manager registers', () => {
  test('pods of one set of trust domains have one label, whatever the order and the key', () => {
    const hash = federationHash(['a.test', 'b.test']);
    expect(hash).toMatch(/^[0-9a-f]{32}$/);
    expect(labelOf(injected(deployment(federating), byController))).toBe(hash);
    const ours = { ...injectBackend, 'svidecar.dev/federates-with': 'a.test,b.test,example.org' };
    expect(labelOf(injected(deployment(ours), byController))).toBe(hash);
  });

  test('a pod that federates with nobody has none', () => {
    expect(labelOf(injected(deployment(injectBackend), byController))).toBeUndefined();
  });

  test('a pod without a helper has none', () => {
    const socketOnly = { ...federating, 'inject.svidecar.dev/templates': 'spiffe-socket' };
    expect(labelOf(injected(deployment(socketOnly), byController))).toBeUndefined();
  });

  test('injecting again changes nothing; another annotation changes the label; taking back leaves the original', () => {
    const original = deployment(federating);
    const once = injected(original, byController);
    expect(injected(once, byController)).toEqual(once);
    const changed = withAnnotations(once, { 'spiffe.io/federatesWith': 'c.test' });
    expect(labelOf(injected(changed, byController))).toBe(federationHash(['c.test']));
    const without = withAnnotations(once, { 'spiffe.io/federatesWith': undefined });
    expect(labelOf(injected(without, byController))).toBeUndefined();
    const optedOut = withAnnotations(once, { 'svidecar.dev/inject': 'false' });
    const back = carriedOut(optedOut, decideOn(optedOut, byController));
    expect(back).toEqual(withAnnotations(original, { 'svidecar.dev/inject': 'false' }));
  });

  test('a pod with an Envoy of ours has a label for that, with a helper and without', () => {
    const own = { 'svidecar.dev/inbound': '8443=8080', 'spiffe.io/federatesWith': 'a.test' };
    const plain = { containers: [{ name: 'app', image: 'app' }] };
    for (const templates of ['envoy', 'envoy, jwt-validate']) {
      const asking = deployment({ ...own, 'inject.svidecar.dev/templates': templates }, plain);
      const once = injected(asking, byController);
      expect(valueAt(once, `${labels}/svidecar.dev~1envoy`)).toBe('true');
      expect(labelOf(once)).toBe(federationHash(['a.test']));
      expect(injected(once, byController)).toEqual(once);
      expect(decideOn(once, byController).steps.map(({ id }) => id)).not.toContain('key_as_label');
      const elsewhere = injected(asking, { engine: engineFor({ registration: 'entries' }) });
      expect(valueAt(elsewhere, `${labels}/svidecar.dev~1envoy`)).toBeUndefined();
    }
    const without = injected(deployment(injectBackend), byController);
    expect(valueAt(without, `${labels}/svidecar.dev~1envoy`)).toBeUndefined();
  });

  test('in another mode the label goes', () => {
    const once = injected(deployment(federating), byController);
    const entries = { engine: engineFor({ registration: 'entries' }) };
    expect(labelOf(injected(once, entries))).toBeUndefined();
  });

  test('nobody is warned about the label', () => {
    const once = injected(deployment(federating), byController);
    const ids = decideOn(once, byController).steps.map(({ id }) => id);
    expect(ids).not.toContain('key_as_label');
  });
});
