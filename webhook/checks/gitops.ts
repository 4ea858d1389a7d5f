/** Workloads that a GitOps tool keeps in step with a repository, where the webhook changes workloads. */
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { namespaceLabels } from './assess.ts';
import { found, type Check, type Finding } from './check-contract.ts';
import { metadataOf, namespaceOf } from './facts.ts';

const gitOpsTools: readonly (readonly [tool: string, pattern: RegExp])[] = [
  ['Argo CD', /^argocd\.argoproj\.io\/(tracking-id|instance)$/],
  ['Flux', /^(kustomize|helm)\.toolkit\.fluxcd\.io\/name$/],
];
const gitOpsManagers: ReadonlyMap<string, string> = new Map([
  ['argocd-controller', 'Argo CD'],
  ['argocd-application-controller', 'Argo CD'],
  ['kustomize-controller', 'Flux'],
  ['helm-controller', 'Flux'],
]);

export const gitOpsDrift: Check = {
  id: 'gitops_drift',
  category: 'workloads',
  claim: 'no GitOps tool will revert the injection',
  why: 'What the webhook changes in a Deployment shows as drift there; changed back, it is injected again, without end.',
  offline: true,
  reads: ['namespaces', 'workloads'],
  run: ({ facts, objects, assessed }) => {
    const labels = namespaceLabels(objects('namespaces'));
    return found(
      assessed.flatMap(({ subject, where, asks }): readonly Finding[] => {
        const namespace = namespaceOf(subject.object, facts);
        if (where.kind === 'Pod' || !asks || labels.get(namespace) !== 'enabled') return [];
        const tool = gitOpsToolOf(metadataOf(subject.object));
        if (tool === undefined) return [];
        return [
          {
            severity: 'warning',
            where,
            message: `is kept in step with a repository by ${tool}, and its namespace has workloads changed (label "enabled")`,
            hint: `kubectl label --overwrite namespace ${namespace} svidecar.dev/injection=pod: then only pods are changed, which ${tool} does not compare`,
          },
        ];
      }),
    );
  },
};

function gitOpsToolOf(metadata: JsonObject): string | undefined {
  const keys = [
    ...Object.keys(objectAt(metadata, 'annotations')),
    ...Object.keys(objectAt(metadata, 'labels')),
  ];
  const byKey = gitOpsTools.find(([, pattern]) => keys.some((key) => pattern.test(key)))?.[0];
  if (byKey !== undefined) return byKey;
  return listAt(metadata, 'managedFields')
    .filter(isObject)
    .map((entry) => gitOpsManagers.get(stringAt(entry, 'manager') ?? ''))
    .find((tool) => tool !== undefined);
}
