import { afterEach, expect, test, vi } from 'vitest';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { PatchedCopies } from '../../../../webhook/injection/patched-copies.ts';
import { statusOf, type EnvoyPlan } from '../../../../webhook/injection/status.ts';
import { envoyConfig } from '../../../bench/review-bodies.ts';
import { injected } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { injectBackend, pod } from '../../../fakes/workloads.ts';

vi.mock('../../../../webhook/envoy/patch-envoy.ts', { spy: true });
afterEach(() => {
  vi.clearAllMocks();
});

const { library } = engineFor();
const plan = planOf({});

function planOf(annotations: Readonly<Record<string, string>>): EnvoyPlan {
  const status = statusOf(injected(pod({ ...injectBackend, ...annotations })));
  if (status?.envoy === undefined) throw new TypeError('no Envoy configuration');
  return status.envoy;
}

function question(changes: { readonly plan?: EnvoyPlan; readonly text?: string } = {}): {
  namespace: string;
  plan: EnvoyPlan;
  source: { data: Record<string, string> };
} {
  const { text = envoyConfig } = changes;
  return { namespace: 'shop', plan, source: { data: { 'envoy.yaml': text } }, ...changes };
}

const rendered = (): number => vi.mocked(patchEnvoy).mock.calls.length;

test('the same contents are patched once, whoever holds them', () => {
  const copies = new PatchedCopies(library);
  const told = copies.told(question());
  expect(copies.told(question())).toBe(told);
  const { data, changes } = copies.patch(question());
  expect(data['envoy.yaml']).toContain('svidecar.jwt-inject');
  expect(changes).toBe(told.changes);
  expect(rendered()).toBe(1);
});

test.each([
  ['another text', question({ text: `${envoyConfig}# more\n` })],
  ['another namespace', { ...question(), namespace: 'other' }],
  ['another version of Envoy', question({ plan: { ...plan, version: '1.20' } })],
  [
    'another plan under the same name',
    question({
      plan: { ...planOf({ 'svidecar.dev/log-level': 'debug' }), values: {}, derived: plan.derived },
    }),
  ],
])('%s is another question', (_name, other) => {
  const copies = new PatchedCopies(library);
  copies.told(question());
  try {
    copies.told(other);
  } catch {
    // A plan without values may be refused: it was not answered by the other's.
  }
  expect(rendered()).toBe(2);
});

test('a refusal is remembered, for those who ask for the copy as well', () => {
  const copies = new PatchedCopies(library);
  const broken = question({ text: 'a: [' });
  expect(() => copies.told(broken)).toThrow(/ConfigMap shop\/frontend-envoy/);
  expect(() => copies.patch(broken)).toThrow(/ConfigMap shop\/frontend-envoy/);
  expect(rendered()).toBe(1);
});

test('texts are forgotten where there are too many; what is told of them is not', () => {
  const copies = new PatchedCopies(library);
  const large = (mark: string): ReturnType<typeof question> =>
    question({ text: `${envoyConfig}# ${mark.repeat(800_000)}\n` });
  const first = copies.patch(large('a'));
  copies.patch(large('b'));
  copies.patch(large('c'));
  expect(rendered()).toBe(3);
  expect(copies.told(large('a')).changes).toBe(first.changes);
  expect(rendered()).toBe(3);
  expect(copies.patch(large('a'))).toEqual(first);
  expect(rendered()).toBe(4);
});
