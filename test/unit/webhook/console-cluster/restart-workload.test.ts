import { describe, expect, test } from 'vitest';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import type { WorkloadVerdict } from '../../../../webhook/console/judge-workload.ts';
import { restartProspect } from '../../../../webhook/console-cluster/restart-workload.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../webhook/kube/kubernetes-api.ts';
import { injected } from '../../../fakes/admission.ts';
import { deployment, injectBackend } from '../../../fakes/workloads.ts';

const stored = injected(deployment(injectBackend));
/** What a restart would store, in one that goes by the same configuration. */
const anew: JsonObject = { ...stored, isAnew: true };
const row = { namespace: 'shop', kind: 'Deployment', name: 'frontend', status: 'stale' } as const;

interface Site {
  readonly object?: JsonObject;
  /** Of the dry run. */
  readonly would?: JsonObject | ApiRefusal;
  readonly isStale?: (object: JsonObject) => boolean;
}

/** The prospect, and the path that was asked. */
async function ask({
  object = stored,
  would = anew,
  isStale = (each) => each['isAnew'] !== true,
}: Site) {
  let patched: string | undefined;
  // Nothing else of it is asked.
  const api = {
    get: () => Promise.resolve(object),
    merge: (path: string) => {
      patched = path;
      return would instanceof ApiRefusal ? Promise.reject(would) : Promise.resolve(would);
    },
  } as unknown as KubernetesApi;
  const judge = (each: JsonObject): WorkloadVerdict => ({
    kind: isStale(each) ? 'injected' : 'unchanged',
    why: undefined,
    templates: [],
  });
  const signal = AbortSignal.timeout(1_000);
  return { prospect: await restartProspect(api, row, { judge, nowMs: 0, signal }), patched };
}

function refusal(status: number, message: string): ApiRefusal {
  return new ApiRefusal(status, 'Forbidden', { message });
}

describe('before a restart', () => {
  test('it is asked as a dry run, and is worth it where the webhook would change it', async () => {
    const { prospect, patched } = await ask({});
    expect(prospect).toEqual({ kind: 'worth_it' });
    expect(patched).toBe(
      '/apis/apps/v1/namespaces/shop/deployments/frontend?fieldManager=kubectl-rollout&dryRun=All',
    );
  });

  test('where the webhook would leave it as it is, it is in vain', async () => {
    const { prospect } = await ask({ would: stored });
    expect(prospect).toMatchObject({ kind: 'in_vain' });
  });

  test.each([
    [422, `ValidatingAdmissionPolicy 'freeze' denied request: frozen this week`],
    [403, 'admission webhook "a.example.org" denied the request: frozen'],
  ])('where admission refuses it (%i), it is in vain, with its words', async (status, words) => {
    const { prospect } = await ask({ would: refusal(status, words) });
    expect(prospect).toEqual({ kind: 'in_vain', words: `it is refused: ${words}` });
  });

  test.each([
    [
      403,
      'deployments.apps "frontend" is forbidden: User "u" cannot patch resource "deployments"',
      'CLUSTER_FORBIDDEN',
    ],
    [404, 'not found', 'OBJECT_NOT_FOUND'],
    [500, 'etcd is away', 'CLUSTER_UNREACHABLE'],
  ])('a missing right and others (%i) are failures', async (status, words, code) => {
    await expect(ask({ would: refusal(status, words) })).rejects.toMatchObject({ code });
  });

  test('what is paused is in vain, and not asked about', async () => {
    const object = { ...stored, spec: { ...objectAt(stored, 'spec'), paused: true } };
    const { prospect, patched } = await ask({ object });
    expect(prospect).toMatchObject({
      kind: 'in_vain',
      words: expect.stringContaining('resume') as unknown,
    });
    expect(patched).toBeUndefined();
  });

  test('what somebody has restarted meanwhile is current', async () => {
    const { prospect, patched } = await ask({ isStale: () => false });
    expect(prospect).toMatchObject({ kind: 'current' });
    expect(patched).toBeUndefined();
  });

  test('where pods alone are injected, the stored workload says nothing', async () => {
    const { prospect } = await ask({
      object: deployment(injectBackend),
      would: deployment(injectBackend),
      isStale: () => true,
    });
    expect(prospect).toEqual({ kind: 'worth_it' });
  });
});
