import { expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { judgeStored } from '../../../../webhook/admission/judge.ts';
import { injected } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { appWithEnvoy, deployment, injectBackend } from '../../../fakes/workloads.ts';

const context = { engine: engineFor(), ignoredNamespaces: new Set(['kube-system']) };

/** The matcher's type says any. */
function like(pattern: RegExp): string {
  return expect.stringMatching(pattern) as string;
}

test.each<[string, JsonObject, ReturnType<typeof judgeStored>]>([
  ['that asks for nothing', deployment({}), undefined],
  ['that is injected', injected(deployment(injectBackend)), undefined],
  ['that opted out', deployment({ 'svidecar.dev/inject': 'false' }), undefined],
  [
    'that asks and was stored without',
    deployment(injectBackend),
    { kind: 'injectable', trace: 'templates_requested: inject.svidecar.dev/templates: jwt-inject' },
  ],
  [
    'with a wrong annotation',
    deployment({ ...injectBackend, 'svidecar.dev/authorization': 'perhaps' }),
    { kind: 'refused', trace: like(/^refused: .*\[ANNOTATION_INVALID\]$/) },
  ],
  [
    'on the network of its node',
    deployment(injectBackend, { ...appWithEnvoy, hostNetwork: true }),
    { kind: 'skipped', trace: like(/^host_network: /) },
  ],
  [
    'annotated in the wrong place',
    { ...deployment({}), metadata: { name: 'web', namespace: 'shop', annotations: injectBackend } },
    { kind: 'skipped', trace: like(/^annotation_on_workload: /) },
  ],
])('an object %s', (_name, object, expected) => {
  expect(judgeStored(object, context)).toEqual(expected);
});
