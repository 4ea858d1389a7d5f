/** What the admission engine says about annotations, placement and whatever prevents an injection. */
import type { ErrorCode } from '#kernel/errors.ts';
import { firstNames } from '#kernel/first-names.ts';
import type { StepId } from '../injection/trace.ts';
import type { Assessed } from './assess.ts';
import {
  found,
  type Check,
  type Finding,
  type CheckOutcome,
  type Severity,
} from './check-contract.ts';

/** Refusals that another check reports. */
const annotationCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ANNOTATION_INVALID',
  'ANNOTATION_UNKNOWN',
  'SPIFFE_ID_INVALID',
  'TEMPLATE_UNKNOWN',
]);
/** Reported with the versions of Envoy. */
const versionCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ENVOY_TOO_OLD']);
const envoyCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'EDIT_IMPOSSIBLE',
  'ENVOY_CONFIG_INVALID',
  'ENVOY_CONFIG_NOT_FOUND',
  'ENVOY_CONTAINER_NOT_FOUND',
  'LISTENERS_AMBIGUOUS',
]);

/** A pod repeats the findings of its workload; workloads come first. */
export function toldOnce(findings: readonly Finding[]): CheckOutcome {
  const byKey = new Map<string, Finding>();
  for (const finding of findings) {
    const { namespace = '', kind = '' } = finding.where ?? {};
    const key = `${namespace} ${finding.message}`;
    const before = byKey.get(key);
    if (before === undefined) byKey.set(key, finding);
    // Several workloads with the same mistake are reported one by one.
    else if (kind !== 'Pod') byKey.set(`${key} ${finding.where?.name ?? ''}`, finding);
  }
  return found([...byKey.values()]);
}

/** Steps that are shown unchanged; the engine's sentence says what to do. */
export function steps(
  assessed: readonly Assessed[],
  shown: { readonly id: StepId; readonly severity: Severity; readonly hint: string },
): readonly Finding[] {
  return assessed.flatMap(({ decision, where }) =>
    decision.steps
      .filter(({ id }) => id === shown.id)
      .map(({ message, key }) => ({
        severity: shown.severity,
        where,
        message,
        key,
        hint: shown.hint,
      })),
  );
}

export function refusals(
  assessed: readonly Assessed[],
  isMeant: (code: ErrorCode) => boolean,
  hint: string,
): readonly Finding[] {
  return assessed.flatMap(({ decision, where, isInjected }): readonly Finding[] => {
    if (decision.kind !== 'refused' || !isMeant(decision.code)) return [];
    // Running pods continue; the next change is refused.
    const severity = isInjected ? 'warning' : 'error';
    const { code, why, facts } = decision;
    return [{ severity, where, message: `${why} [${code}]`, key: facts.key, hint }];
  });
}

/** Of what a person asked for, and in this order. */
const annotationSteps: readonly Parameters<typeof steps>[1][] = [
  {
    id: 'revision_unknown',
    severity: 'error',
    hint: 'for the default revision take the label away: docs/revisions.md',
  },
  {
    id: 'annotations_without_templates',
    severity: 'warning',
    hint: 'add inject.svidecar.dev/templates to the pod template, or remove these annotations',
  },
  ...(
    ['callers_not_federated', 'federates_with_unreadable', 'upstreams_not_federated'] as const
  ).map((id) => ({
    id,
    severity: 'warning' as const,
    hint: 'correct the annotation on the pod template, or take the trust domain out of the callers or upstreams',
  })),
  {
    id: 'deprecated',
    severity: 'warning',
    hint: 'change the pod template before the upgrade to the version that refuses it: docs/upgrade.md',
  },
  {
    id: 'validates_nothing',
    severity: 'warning',
    hint: 'name the paths that kubelet and scrapers ask for, and no others',
  },
  {
    id: 'helper_ends_first',
    severity: 'warning',
    hint: 'set svidecar.dev/native-sidecar: "true", or remove the annotation: auto is right from Kubernetes 1.29 on',
  },
];

export const annotationsValid: Check = {
  id: 'annotations_valid',
  category: 'workloads',
  claim: 'every annotation of svidecar is known and has a value that is allowed',
  why: 'The webhook refuses the object at admission; a pod that its controller makes is then never there.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) => ({
    ...toldOnce([
      ...refusals(
        assessed,
        (code) => annotationCodes.has(code),
        'correct the annotation on the pod template; svidecar explain shows every step',
      ),
      ...annotationSteps.flatMap((shown) => steps(assessed, shown)),
    ]),
    notes: leftAlone(assessed),
  }),
};

/** Among manifests: what other revisions judge by configurations of theirs. */
function leftAlone(assessed: readonly Assessed[]): readonly string[] {
  const others = assessed.flatMap(({ decision, where }) =>
    decision.kind === 'skipped' && decision.reason === 'other_revision' && decision.steps.length > 0
      ? [`${where.kind} ${where.name}`]
      : [],
  );
  if (others.length === 0) return [];
  return [
    `not judged here, for another revision injects them: ${others.join(', ')}; give its configuration and name (--config, --revision)`,
  ];
}

export const annotationPlacement: Check = {
  id: 'annotation_placement',
  category: 'workloads',
  claim: 'annotations stand on pod templates, not on the objects around them',
  why: "Pods get the annotations of the template alone; on the Deployment's own metadata they do nothing.",
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) =>
    toldOnce(
      (['annotation_on_workload', 'key_as_label', 'key_unknown'] as const).flatMap((id) =>
        steps(
          // Pods have the labels of their template, which is already reported.
          assessed.filter(({ located }) => !located.hasControllerOwner),
          {
            id,
            severity: 'error',
            hint: 'write them as annotations, on the metadata of the pod template, and apply again',
          },
        ),
      ),
    ),
};

/** By which an injected Envoy does not start, or is of no use at the beginning or the end of its pod. */
const besideEnvoySteps = ['drain_cut_short', 'init_before_envoy', 'port_needs_root'] as const;
const outsideSteps = ['host_network', 'mirror_pod', 'namespace_ignored'] as const;

export const injectionPossible: Check = {
  id: 'injection_possible',
  category: 'workloads',
  claim: 'nothing else about the pods stands in the way of their injection',
  why: 'They are refused, or left alone although they ask for it.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) =>
    toldOnce([
      ...refusals(
        assessed,
        (code) => ![annotationCodes, envoyCodes, versionCodes].some((codes) => codes.has(code)),
        'see docs/errors.md for the code in brackets',
      ),
      ...outsideSteps.flatMap((id) =>
        steps(
          assessed.filter(({ asks }) => asks),
          {
            id,
            severity: 'warning',
            hint: 'remove the annotations of svidecar there, or change what the message names',
          },
        ),
      ),
      ...besideEnvoySteps.flatMap((id) =>
        steps(assessed, { id, severity: 'warning', hint: 'change what the message names' }),
      ),
    ]),
};

export const envoyConfiguration: Check = {
  id: 'envoy_configuration',
  category: 'workloads',
  claim: 'every Envoy configuration that needs our filter can be found and patched',
  why: 'Without the filter no request is authenticated, so such a workload is refused; with a warning it is weaker than it looks.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) => ({
    ...toldOnce([
      ...refusals(
        assessed,
        (code) => envoyCodes.has(code),
        'correct the configuration at the place that the message names',
      ),
      ...steps(assessed, {
        id: 'envoy_warning',
        severity: 'warning',
        hint: 'change the Envoy configuration, or accept it knowingly',
      }),
      ...steps(assessed, {
        id: 'istio_warning',
        severity: 'warning',
        hint: 'change what the message names, or accept it knowingly',
      }),
    ]),
    ...unjudgedEnvoys(assessed),
  }),
};

/** An Envoy whose ConfigMap is not at hand may have any listeners. */
function unjudgedEnvoys(assessed: readonly Assessed[]): Pick<CheckOutcome, 'notes' | 'skipped'> {
  const having = (id: StepId): readonly Assessed[] =>
    assessed.filter(
      ({ decision, located }) =>
        !located.hasControllerOwner && decision.steps.some((step) => step.id === id),
    );
  const awaited = having('envoy_config_awaited').map(({ where }) => `${where.kind} ${where.name}`);
  if (awaited.length === 0) return {};
  const words = `not judged, nor what their listeners mean for probes and ports, since their ConfigMap is not at hand: ${firstNames(awaited)}`;
  return having('envoy_config_patched').length === 0 ? { skipped: words } : { notes: [words] };
}

export const portClash: Check = {
  id: 'port_clash',
  category: 'workloads',
  claim: "nobody else in a pod listens on the helper's ports",
  why: 'Two programs of one pod cannot listen on one port: one of the two does not start.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) =>
    toldOnce(
      steps(assessed, {
        id: 'port_clash',
        severity: 'error',
        hint: 'give it another port',
      }),
    ),
};
