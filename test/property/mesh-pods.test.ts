/**
 * The laws of an injection on pods of an Istio mesh, whichever injector comes first. `SVIDECAR_SEARCH=5000` tries more pods,
 * `SVIDECAR_SEARCH_SEED=1` others.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isObject, listAt, objectAt, textsAt, type Json, type JsonObject } from '#kernel/json.ts';
import { statusOf, type EnvoyPlan } from '../../webhook/injection/status.ts';
import {
  carriedOut,
  decideOn,
  injected,
  operationsOf,
  withAnnotations,
} from '../fakes/admission.ts';
import { applyPatch, canonical } from '../fakes/apply-patch.ts';
import { afterIstio, meshPod } from '../fakes/random-mesh-pods.ts';

const lists = fc.constantFrom('containers', 'initContainers');
const runs = {
  numRuns: Number(process.env['SVIDECAR_SEARCH'] ?? 200),
  seed: Number(process.env['SVIDECAR_SEARCH_SEED'] ?? 20_261_130),
};

const timeout = 60_000 + runs.numRuns * 200;

/** Ours, where it is not refused. */
function pass(pod: JsonObject): JsonObject | undefined {
  const decision = decideOn(pod);
  return decision.kind === 'refused' ? undefined : carriedOut(pod, decision);
}

function undone(pod: JsonObject): JsonObject {
  const out = injected(withAnnotations(pod, { 'svidecar.dev/inject': 'false' }));
  return withAnnotations(out, { 'svidecar.dev/inject': undefined });
}

const excludes = 'traffic.sidecar.istio.io/excludeInboundPorts';
const includes = 'traffic.sidecar.istio.io/includeInboundPorts';
const interfaces = 'traffic.sidecar.istio.io/excludeInterfaces';
const mode = 'sidecar.istio.io/interceptionMode';

/** Istio's list of ports without the helper's: where Istio came later, it has read that from an annotation of ours. */
function withoutPort(pod: JsonObject): JsonObject {
  const copy = structuredClone(pod);
  const args = listAt(factsOf(copy).named('istio-init'), 'args') as Json[];
  const ports = JSON.stringify(args.pop() ?? '')
    .slice(1, -1)
    .split(',')
    .map((port) => port.trim());
  args.push(ports.filter((port) => port !== '' && port !== '9011').join());
  return copy;
}

function inDeployment(pod: JsonObject): JsonObject {
  const { metadata, spec } = pod;
  const of = { name: 'shop', namespace: 'shop' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: of,
    spec: { template: { metadata: metadata ?? {}, spec: spec ?? {} } },
  };
}

interface Facts {
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly named: (name: string) => JsonObject | undefined;
}

function factsOf(pod: JsonObject): Facts {
  const spec = objectAt(pod, 'spec');
  const metadata = objectAt(pod, 'metadata');
  const all = [...listAt(spec, 'initContainers'), ...listAt(spec, 'containers')].filter(isObject);
  return {
    annotations: textsAt(metadata, 'annotations'),
    labels: textsAt(metadata, 'labels'),
    named: (name) => all.find((each) => each['name'] === name),
  };
}

function isPortIn(list: Json | undefined): boolean {
  return typeof list === 'string' && list.split(',').some((port) => port.trim() === '9011');
}

/** Of a pod that has Istio's proxy: what is wrong with what goes into it. */
function holesOfIstio(pod: JsonObject, { istio, derived }: EnvoyPlan): readonly string[] {
  const { annotations, labels, named } = factsOf(pod);
  const gateway = listAt(named('istio-proxy'), 'args').includes('router');
  const waits = listAt(named('auth-helper'), 'volumeMounts')
    .filter(isObject)
    .some(({ name }) => name === 'svidecar-envoy-filter');
  const probe = objectAt(objectAt(named('auth-helper'), 'startupProbe'), 'httpGet');
  const ports = [annotations[excludes], listAt(named('istio-init'), 'args').at(-1)];
  const laws: Readonly<Record<string, boolean>> = {
    'somebody takes the EnvoyFilter': named('istio-proxy') !== undefined,
    'the EnvoyFilter is for it': labels['svidecar.dev/envoy-filter'] === derived,
    'the role is its': istio?.role === (gateway ? 'gateway' : 'sidecar'),
    'it waits for its EnvoyFilter': waits,
    'the kubelet asks the helper itself': probe['port'] === 'svidecar-health',
    "the kubelet's probes pass Envoy by": gateway || ports.every(isPortIn),
  };
  return Object.keys(laws).filter((law) => laws[law] !== true);
}

/** What is wrong with a pod that validates, and would start. */
function holesIn(pod: JsonObject): readonly string[] {
  const { named } = factsOf(pod);
  const status = statusOf(pod);
  if (status === undefined) return ['it is injected'];
  // The guard refuses it.
  if ((status.awaits ?? []).length > 0) return [];
  const { envoy } = status;
  if (envoy?.istio !== undefined) return holesOfIstio(pod, envoy);
  const parts = [named('auth-helper'), named('envoy'), envoy];
  return parts.includes(undefined) ? ['helper, Envoy and plan are there'] : [];
}

/** The keys by which requests to the app's port 8080 come past Istio's Envoy, read as Istio does. */
function keysPastEnvoy(pod: JsonObject): readonly string[] {
  const { annotations } = factsOf(pod);
  const items = (key: string): readonly string[] =>
    (annotations[key] ?? '').split(',').map((port) => port.trim());
  const included = (annotations[includes] ?? '*').trim();
  const isAll = included === '*';
  const isNone = annotations[mode] === 'NONE';
  return [
    ...(isAll && items(excludes).includes('8080') ? [excludes] : []),
    ...(!isAll && !items(includes).includes('8080') ? [includes] : []),
    ...((annotations[interfaces] ?? '').trim() === '' ? [] : [interfaces]),
    ...(isNone ? [mode] : []),
  ];
}

function isInSidecar(pod: JsonObject): boolean {
  return statusOf(pod)?.envoy?.istio?.role === 'sidecar';
}

function templatesOf(pod: JsonObject): string {
  return factsOf(pod).annotations['inject.svidecar.dev/templates'] ?? '';
}

function validates(pod: JsonObject): boolean {
  return templatesOf(pod).includes('jwt-validate');
}

test(
  "Istio's first: a second pass changes nothing, and undoing gives back what Istio made",
  { timeout },
  () => {
    fc.assert(
      fc.property(meshPod, lists, fc.boolean(), (pod, list, isInTemplate) => {
        const made = afterIstio(pod, list);
        const before = isInTemplate ? inDeployment(made) : made;
        const after = pass(before);
        if (after === undefined) return;
        expect(operationsOf(decideOn(after))).toEqual([]);
        expect(canonical(undone(after))).toBe(canonical(before));
        expect(canonical(applyPatch(before, operationsOf(decideOn(before))))).toBe(
          canonical(after),
        );
      }),
      runs,
    );
  },
);

test('ours first: when Istio has been there, one more pass settles it', { timeout }, () => {
  fc.assert(
    fc.property(meshPod, lists, (pod, list) => {
      const first = pass(pod);
      if (first === undefined) return;
      expect(operationsOf(decideOn(first))).toEqual([]);
      expect(canonical(undone(first))).toBe(canonical(pod));
      const settled = pass(afterIstio(first, list));
      if (settled === undefined) return;
      expect(operationsOf(decideOn(settled))).toEqual([]);
      // Istio merges its volume into one that is ours.
      if (templatesOf(pod).includes('istio-spire')) return;
      expect(canonical(withoutPort(undone(settled)))).toBe(
        canonical(withoutPort(afterIstio(pod, list))),
      );
    }),
    runs,
  );
});

test('a pod that validates is guarded, or refused, whichever comes first', { timeout }, () => {
  const tally = { guarded: 0, refused: 0 };
  fc.assert(
    fc.property(meshPod.filter(validates), lists, (pod, list) => {
      const first = pass(pod);
      const ways = [pass(afterIstio(pod, list)), first && pass(afterIstio(first, list))];
      for (const way of ways) {
        tally[way === undefined ? 'refused' : 'guarded'] += 1;
        expect(way === undefined ? [] : holesIn(way)).toEqual([]);
      }
    }),
    runs,
  );
  // The law is not kept by refusing all.
  expect(tally.guarded).toBeGreaterThan(runs.numRuns / 4);
  expect(tally.refused).toBeGreaterThan(runs.numRuns / 20);
});

test('what comes past Envoy to the app is told, or refused', { timeout }, () => {
  const told = new Set<string>();
  fc.assert(
    fc.property(meshPod.filter(validates), lists, (pod, list) => {
      for (const before of [pod, afterIstio(pod, list)]) {
        const after = pass(before);
        if (after === undefined || !isInSidecar(after)) continue;
        const warnings = decideOn(before).steps.filter(({ level }) => level === 'warning');
        for (const key of keysPastEnvoy(before)) {
          expect(warnings.map(({ message }) => message).join()).toContain(key);
          told.add(key);
        }
      }
    }),
    runs,
  );
  expect(told.size).toBe(4);
});
