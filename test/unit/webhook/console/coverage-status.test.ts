import { describe, expect, it } from 'vitest';
import { standingOf, type StandingFacts } from '../../../../webhook/console/coverage-status.ts';
import type { WorkloadVerdict } from '../../../../webhook/console/judge-workload.ts';

function verdict(kind: WorkloadVerdict['kind'], id?: string): WorkloadVerdict {
  return { kind, templates: [], why: id === undefined ? undefined : { id, message: 'why' } };
}

const usual: StandingFacts = {
  seen: { asks: true, isInjected: false },
  verdict: verdict('injected'),
  label: 'enabled',
  hooks: 'there',
  isPod: false,
  pods: { total: 0, ready: 0, injected: 0 },
  podVerdict: undefined,
};
const injected = { seen: { asks: true, isInjected: true } };
const without = { pods: { total: 3, ready: 3, injected: 1 } };
const running = { pods: { total: 3, ready: 3, injected: 3 } };

describe('where a workload stands', () => {
  it.each<[string, Partial<StandingFacts>, string, string | undefined]>([
    ['asks for nothing', { seen: { asks: false, isInjected: false } }, 'not_asked', undefined],
    ['is not judged yet', { verdict: undefined }, 'unknown', 'being_judged'],
    ['is as of today', { ...injected, verdict: verdict('unchanged') }, 'injected', undefined],
    [
      'is as of today, with a warning',
      { ...injected, verdict: verdict('unchanged', 'probe_without_token') },
      'injected',
      'probe_without_token',
    ],
    ['is of yesterday', { ...injected }, 'stale', 'injected'],
    [
      'is refused',
      { verdict: verdict('refused', 'ANNOTATION_INVALID') },
      'refused',
      'ANNOTATION_INVALID',
    ],
    [
      'is injected, and would be refused today',
      { ...injected, verdict: verdict('refused', 'POD_UNFIT') },
      'refused',
      'POD_UNFIT',
    ],
    [
      'is left alone',
      { verdict: verdict('skipped', 'host_network') },
      'left_alone',
      'host_network',
    ],
    [
      'asks no more',
      { seen: { asks: false, isInjected: true }, verdict: verdict('uninjected', 'uninjected') },
      'stale',
      'uninjected',
    ],
    [
      'has opted out',
      { seen: { asks: false, isInjected: true }, verdict: verdict('skipped', 'opted_out') },
      'not_asked',
      'opted_out',
    ],
    ['was stored before the webhook was there', {}, 'missing', 'stored_without'],
    ['is in a namespace without the label', { label: 'none' }, 'missing', 'namespace_not_labelled'],
    ['has pods without', { ...without }, 'missing', 'pods_without'],
    [
      'is injected and has pods without',
      { ...injected, ...without, verdict: verdict('unchanged') },
      'missing',
      'pods_without',
    ],
    [
      'is injected pod by pod',
      { label: 'pod', ...running, podVerdict: verdict('unchanged') },
      'injected',
      undefined,
    ],
    ['is injected pod by pod, and has no pods', { label: 'pod' }, 'injected', undefined],
    [
      'has pods of yesterday',
      { label: 'pod', ...running, podVerdict: verdict('injected') },
      'stale',
      'pods_injected',
    ],
    [
      'has pods without where pods are injected',
      { label: 'pod', ...without },
      'missing',
      'pods_without',
    ],
    ['is a pod without', { label: 'pod', isPod: true }, 'missing', 'stored_without'],
    ['is in a cluster without svidecar', { hooks: 'none' }, 'missing', 'not_installed'],
    [
      'is in a cluster without svidecar and a namespace without a label',
      { hooks: 'none', label: 'none' },
      'missing',
      'not_installed',
    ],
    [
      'has pods without, in a cluster without svidecar',
      { ...injected, ...without, verdict: verdict('unchanged'), hooks: 'none' },
      'missing',
      'not_installed',
    ],
    [
      'would be injected pod by pod, in a cluster without svidecar',
      { label: 'pod', hooks: 'none' },
      'missing',
      'not_installed',
    ],
    ['is where hooks may not be read', { hooks: 'unknown' }, 'missing', 'stored_without'],
    ['is where namespaces may not be read', { label: 'unknown' }, 'missing', 'stored_without'],
  ])('one that %s', (_name, facts, ...[status, id]) => {
    const standing = standingOf({ ...usual, ...facts });
    expect(standing.status).toBe(status);
    expect(standing.why?.id).toBe(id);
  });

  it('says what is not known, and promises nothing then', () => {
    const wordsOf = (changes: Partial<StandingFacts>): string =>
      standingOf({ ...usual, ...changes }).why?.message ?? '';
    expect(wordsOf({})).toContain('its new pods are injected all the same');
    for (const changes of [{ hooks: 'unknown' }, { label: 'unknown' }] as const) {
      expect(wordsOf(changes)).toContain('is not known');
      expect(wordsOf(changes)).not.toContain('are injected');
    }
  });

  it('names a label that means nothing, and what would', () => {
    const { why } = standingOf({ ...usual, label: 'none', labelValue: 'bogus' });
    expect(why?.id).toBe('namespace_not_labelled');
    expect(why?.message).toContain(
      'svidecar.dev/injection: "bogus", which is neither "enabled" nor "pod"',
    );
  });
});
