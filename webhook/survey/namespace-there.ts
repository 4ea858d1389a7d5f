/** Whether the one namespace that somebody chose is there: of one that is not, every question would be answered by nothing. */
import { AppError } from '#kernel/errors.ts';
import type { ConnectedApi } from '../kube/connection.ts';
import { readList } from '../kube/read-list.ts';

const source = { apiVersion: 'v1', kind: 'Namespace', resource: 'namespaces' } as const;
/** Milliseconds: whoever does not answer is told of by the questions that follow. */
const askMs = 15_000;

/**
 * Asks by the list that the survey reads as well, so for no further right; who may not read it is believed.
 * @throws {AppError} OBJECT_NOT_FOUND
 */
export async function checkNamespaceIsThere(
  api: ConnectedApi,
  namespace: string | undefined,
): Promise<void> {
  if (namespace === undefined) return;
  const query = `fieldSelector=metadata.name%3D${encodeURIComponent(namespace)}`;
  const listed = await readList(api, { ...source, query }, { signal: AbortSignal.timeout(askMs) });
  if (listed.kind === 'unknown' || listed.objects.length > 0) return;
  throw new AppError(
    'OBJECT_NOT_FOUND',
    `there is no namespace "${namespace}" in this cluster (${api.url}); kubectl get namespaces shows those that are there`,
  );
}
