/** Labels of namespaces: without the right one the webhook sees nothing. */
import { listAt, objectAt, stringAt, isObject } from '#kernel/json.ts';
import { isOurs, namespaceLabel, revisionLabel } from '../request/metadata-keys.ts';
import { revisionFault, revisionIn } from '../request/revision.ts';
import { resemblesOurs } from '../request/stray-keys.ts';
import { namespaceLabels, type Assessed } from './assess.ts';
import { found, type Check, type Finding, type Material } from './check-contract.ts';
import { metadataOf, nameOf, whereOf } from './facts.ts';

const valid: ReadonlySet<string> = new Set(['enabled', 'pod']);

export const namespaceLabelCheck: Check = {
  id: 'namespace_label',
  category: 'namespaces',
  claim: 'namespaces of annotated workloads carry the label, with a value that is known',
  why: 'The API server asks the webhook about labelled namespaces only; elsewhere annotations do nothing, silently.',
  offline: true,
  reads: ['namespaces', 'workloads', 'pods'],
  run: (material) =>
    found([
      ...labelFaults(material),
      ...nobodysRevisions(material),
      ...strayKeys(material),
      ...unlabelled(material),
    ]),
};

/** In a cluster revision_served knows which are installed. */
function nobodysRevisions({ facts, objects }: Material): readonly Finding[] {
  if (facts.origin === 'cluster') return [];
  return objects('namespaces').flatMap((subject): readonly Finding[] => {
    const where = whereOf(subject, '');
    const named = revisionIn(metadataOf(subject.object));
    const fault = named === undefined ? undefined : revisionFault(named);
    if (fault === undefined) return [];
    return [
      {
        severity: 'error',
        where,
        key: revisionLabel,
        message: `the label ${revisionLabel} names "${named ?? ''}", and no installation is called so (a name ${fault}): its pods that ask for injection are refused`,
        hint: 'change it; for the default revision take it away (docs/revisions.md)',
      },
    ];
  });
}

function labelFaults({ facts, objects }: Material): readonly Finding[] {
  const never = new Set([...facts.engine.config.ignoredNamespaces, facts.ownNamespace]);
  return objects('namespaces').flatMap((subject): readonly Finding[] => {
    const label = stringAt(objectAt(metadataOf(subject.object), 'labels'), namespaceLabel);
    if (label === undefined) return [];
    const where = whereOf(subject, '');
    const { name } = where;
    if (never.has(name)) {
      return [
        {
          severity: 'warning',
          where,
          key: namespaceLabel,
          message: `the label ${namespaceLabel} has no effect here: namespace ${name} is never touched`,
          hint: `kubectl label namespace ${name} ${namespaceLabel}-`,
        },
      ];
    }
    if (valid.has(label)) return [];
    return [
      {
        severity: 'error',
        where,
        key: namespaceLabel,
        message: `the label ${namespaceLabel}: "${label}" means nothing; known are "enabled" and "pod"`,
        hint: `kubectl label --overwrite namespace ${name} ${namespaceLabel}=enabled`,
      },
    ];
  });
}

/** Our labels that a Namespace may have. */
const namespaceKeys: ReadonlySet<string> = new Set([
  namespaceLabel,
  'svidecar.dev/guard',
  revisionLabel,
]);

/** Pod templates ask for injection by annotations; a namespace has a label. */
function strayKeys({ objects }: Material): readonly Finding[] {
  return objects('namespaces').flatMap((subject): readonly Finding[] => {
    const where = whereOf(subject, '');
    const labels = Object.keys(objectAt(metadataOf(subject.object), 'labels'));
    const annotations = Object.keys(objectAt(metadataOf(subject.object), 'annotations'));
    const isStray = (key: string): boolean => isOurs(key) || resemblesOurs(key);
    return [
      ...labels.filter((key) => isStray(key) && !namespaceKeys.has(key)),
      ...annotations.filter(isStray),
    ].map((key) => ({
      severity: 'error',
      where,
      key,
      message: `${key} on a Namespace${annotations.includes(key) ? ', as an annotation,' : ''} has no effect`,
      hint: namespaceKeys.has(key)
        ? `make it a label: kubectl label namespace ${where.name} ${key}=<value>`
        : `label the namespace with ${namespaceLabel}=enabled, and write annotations on pod templates`,
    }));
  });
}

/** One finding a namespace: many workloads have the same remedy. */
function unlabelled({ facts, objects, assessed }: Material): readonly Finding[] {
  const labels = namespaceLabels(objects('namespaces'));
  const never = new Set([...facts.engine.config.ignoredNamespaces, facts.ownNamespace]);
  const byNamespace = new Map<string, Assessed[]>();
  for (const each of assessed) {
    const { namespace } = each.where;
    const isSeen = !labels.has(namespace) || labels.get(namespace) !== undefined;
    if (!each.asks || isSeen || never.has(namespace)) continue;
    // A pod of a workload that is already reported adds nothing.
    if (each.where.kind === 'Pod' && byNamespace.has(namespace)) continue;
    byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), each]);
  }
  return [...byNamespace].map(([namespace, [first, ...others]]) => ({
    severity: 'error',
    where: first?.where,
    message: `asks for injection${others.length === 0 ? '' : ` (as do ${others.length} more of its namespace)`}, but namespace ${namespace} has no label ${namespaceLabel}`,
    hint: `kubectl label namespace ${namespace} ${namespaceLabel}=enabled, then kubectl rollout restart what runs already`,
  }));
}

export const podSecurity: Check = {
  id: 'pod_security',
  category: 'namespaces',
  claim: 'the Pod Security level of each namespace admits the Workload API socket',
  why: 'A socket from the node is a hostPath volume, which the levels baseline and restricted refuse: no pod starts.',
  offline: true,
  reads: ['namespaces', 'workloads', 'pods'],
  run: ({ objects, assessed, facts }) => {
    const levels = new Map(
      objects('namespaces').map(({ object }) => [
        nameOf(object),
        stringAt(objectAt(metadataOf(object), 'labels'), 'pod-security.kubernetes.io/enforce'),
      ]),
    );
    const directory = facts.engine.config.socket.hostPath;
    return found(
      assessed.flatMap((each): readonly Finding[] => {
        const level = levels.get(each.where.namespace);
        if (level !== 'baseline' && level !== 'restricted') return [];
        if (!each.asks || !hasHostPath(each, directory)) return [];
        return [
          {
            severity: 'error',
            where: each.where,
            message: `needs the hostPath volume ${directory}, which Pod Security "${level}" of namespace ${each.where.namespace} refuses`,
            hint: 'use the SPIFFE CSI driver: svidecar.dev/socket: csi (or socket.kind: csi in the configuration)',
          },
        ];
      }),
    );
  },
};

function hasHostPath({ spec }: Assessed, directory: string): boolean {
  return listAt(spec, 'volumes')
    .filter(isObject)
    .some((volume) => stringAt(objectAt(volume, 'hostPath'), 'path') === directory);
}
