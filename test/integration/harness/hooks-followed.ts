/** Waits for the copy of the admission hooks that an API server acts by. */
import { randomBytes } from 'node:crypto';
import type { ApiServer } from './api-server.ts';
import { waitUntil } from './processes.ts';

export const hooksPath = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/**
 * Returns when the API server acts by the hooks as they are now, and no longer by a copy from before: it follows them
 * in the order of their changes, so once it calls a hook that was made just now, it has seen all that came earlier.
 * A hook with `failurePolicy: Ignore` that is not known yet, or has the caBundle of before, lets objects pass as they are.
 */
export async function hooksAreFollowed(api: ApiServer): Promise<void> {
  const name = `hooks-followed-${randomBytes(4).toString('hex')}`;
  const labels = { 'hooks-followed': name };
  const hook = {
    name: `${name}.hooks-followed.test`,
    clientConfig: { url: 'https://127.0.0.1:1/nobody' },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
    objectSelector: { matchLabels: labels },
    failurePolicy: 'Fail',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const made = await api.request('POST', hooksPath, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name },
    webhooks: [hook],
  });
  if (made.status !== 201) throw new Error(`hook ${name}: ${JSON.stringify(made.body)}`);
  await waitUntil('a hook that nobody answers is called', async () => {
    const { status } = await api.request('POST', '/api/v1/namespaces/default/pods?dryRun=All', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels },
      spec: { containers: [{ name: 'app', image: 'app:1' }] },
    });
    return status === 500;
  });
  await api.request('DELETE', `${hooksPath}/${name}`);
}
