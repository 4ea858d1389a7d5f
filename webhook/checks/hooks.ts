/** Whether our webhook configurations have what the API server needs in them. */
import { listAt, objectAt } from '#kernel/json.ts';
import { namespaceLabel, revisionLabel } from '../request/metadata-keys.ts';
import { isMatched } from '../objects/label-selector.ts';
import { found, type Check, type Finding, type Material } from './check-contract.ts';
import { byLabel, noRevision, revisionWords } from '../request/revision.ts';
import { defaultHint, driftOfDefault, expectedOf } from './default-hooks.ts';
import { hooksOf, isOfDefault, podHook, type InspectedHook } from './inspected-hooks.ts';

export const webhookConfigured: Check = {
  id: 'webhook_configured',
  category: 'webhook',
  claim: 'the API server has every hook of svidecar, for labelled namespaces and no others',
  why: 'What no hook sees is not injected; a hook that sees too much stops pods that are none of its business in an outage.',
  offline: false,
  reads: ['hooks'],
  run: (material) => {
    const hooks = hooksOf(material.objects('hooks'));
    if (!hooks.some(({ name }) => name === podHook)) return found([missingPodHook(hooks.length)]);
    const own = hooks.filter((hook) => !isOfDefault(hook));
    const installations = Map.groupBy(own, ({ revision }) => revision);
    return found([
      ...[...installations.values()].flatMap(missing),
      ...driftOfDefault(material.objects('hooks')),
      ...hooks.flatMap((hook) => faultsOf(hook, material)),
    ]);
  },
};

function missingPodHook(others: number): Finding {
  return {
    severity: 'error',
    where: undefined,
    message:
      others === 0
        ? 'no MutatingWebhookConfiguration of svidecar is there, so nothing is injected'
        : `there is no hook ${podHook}, so no pod is injected`,
    hint: 'install svidecar: kubectl apply -k, or helm upgrade --install',
  };
}

function missing(hooks: readonly InspectedHook[]): readonly Finding[] {
  return expectedOf(hooks[0]?.revision ?? noRevision)
    .filter(([name]) => !hooks.some((hook) => hook.name === name))
    .map(([name, loss]) => ({
      severity: name === podHook ? 'error' : 'warning',
      where: hooks[0]?.where,
      message: `there is no hook ${name}: ${loss}`,
      hint: 'apply the manifests of this version again',
    }));
}

function faultsOf(hook: InspectedHook, { facts }: Material): readonly Finding[] {
  const finding = (severity: Finding['severity'], message: string): Finding => ({
    severity,
    where: hook.where,
    message: `${hook.name}: ${message}`,
    hint: isOfDefault(hook)
      ? `${defaultHint(hook.revision)}; if ${revisionWords(hook.revision)} has the same, apply its manifests again first`
      : 'apply the manifests of this version again',
  });
  const wanted = hook.name.includes('workloads') ? ['enabled'] : ['enabled', 'pod'];
  const revision = isOfDefault(hook) || hook.name.startsWith(byLabel) ? '' : hook.revision;
  const unseen = wanted.filter((label) => !isSelected(hook, { label, revision, name: 'any' }));
  const home = hook.target.service?.namespace ?? facts.ownNamespace;
  const own = ['kube-system', home].filter(
    (name) =>
      hook.failurePolicy === 'Fail' && isSelected(hook, { label: 'enabled', revision, name }),
  );
  return [
    ...unseen.map((label) =>
      finding('error', `its namespaceSelector leaves out namespaces labelled "${label}"`),
    ),
    ...own.map((name) =>
      finding(
        'error',
        `it could stop pods of ${name}: its namespaceSelector does not leave that out`,
      ),
    ),
    ...(listAt(hook.definition, 'matchConditions').length === 0
      ? [
          finding(
            'warning',
            'it has no matchConditions, so an outage concerns pods that ask for nothing',
          ),
        ]
      : []),
  ];
}

/** @see meta/v1 LabelSelector, and NamespaceSelector of MutatingWebhook */
function isSelected(
  { definition }: InspectedHook,
  namespace: { readonly label: string; readonly revision: string; readonly name: string },
): boolean {
  const labels: Readonly<Record<string, string>> = {
    [namespaceLabel]: namespace.label,
    'kubernetes.io/metadata.name': namespace.name,
    ...(namespace.revision === noRevision ? {} : { [revisionLabel]: namespace.revision }),
  };
  return isMatched(objectAt(definition, 'namespaceSelector'), labels);
}
