/** Whether a revision injects, as a dry run tells. */
import { expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../webhook/kube/kubernetes-api.ts';
import { askRevision } from '../../../../webhook/survey/ask-revision.ts';

const policy = "ValidatingAdmissionPolicy 'svidecar-guard' denied request";

function refusal(message: string): ApiRefusal {
  return new ApiRefusal(403, 'Forbidden', { message });
}

function statusOf(revision: string): JsonObject {
  const status = `{"version":"0.2.0","revision":"${revision}","templates":[]}`;
  return { metadata: { annotations: { 'svidecar.dev/status': status } } };
}

test.each<[string, string, JsonObject | ApiRefusal, string]>([
  ['it injects', 'enabled', statusOf('canary'), 'injects'],
  ['another one does', 'enabled', statusOf('next'), 'does_not'],
  ['nobody does, and the guard is off', 'enabled', {}, 'does_not'],
  ['the guard refuses', 'enabled', refusal(policy), 'does_not'],
  ['pods may not be made', 'enabled', refusal('no right'), 'unknown'],
  ['there is nowhere to ask', 'off', {}, 'nowhere'],
])('%s', async (_name, ...[label, answer, kind]) => {
  const sent: JsonObject[] = [];
  const unused = (): Promise<never> => Promise.reject(new Error('not in this test'));
  const labels = { 'svidecar.dev/injection': label };
  const api: KubernetesApi = {
    get: () => Promise.resolve({ items: [{ metadata: { name: 'shop', labels } }] }),
    create: (path, object) => {
      expect(path).toBe('/api/v1/namespaces/shop/pods?dryRun=All');
      sent.push(object);
      return answer instanceof ApiRefusal ? Promise.reject(answer) : Promise.resolve(answer);
    },
    apply: unused,
    replace: unused,
    merge: unused,
    remove: unused,
    watch: unused,
  };
  const said = await askRevision(api, 'canary', AbortSignal.timeout(1_000));
  expect(said.kind).toBe(kind);
  for (const pod of sent)
    expect(pod).toMatchObject({ metadata: { labels: { 'svidecar.dev/revision': 'canary' } } });
});
