/** The EnvoyFilters by which istiod is told of our filters: there, as they should be, and for the pods that need them. */
import { firstNames } from '#kernel/first-names.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { DesiredEnvoyFilter } from '../desired/desired.ts';
import { filterFault, isOurFilter } from '../desired/filter-faults.ts';
import { desiredConfigMaps } from '../desired/marks.ts';
import { hashesIn, hashOfName } from '../injection/hash.ts';
import type { EnvoyPlan } from '../injection/status.ts';
import { envoyFilterKind } from '../istio/istio-plan.ts';
import { envoyFilterLabel } from '../request/metadata-keys.ts';
import { readableStatus, statusTextOf, type Assessed } from './assess.ts';
import type { Check, CheckOutcome, Finding, Material } from './check-contract.ts';
import { userOf } from './config-maps.ts';
import {
  nameOf,
  namespaceOf,
  subjectsOf,
  whereOf,
  type ClusterFacts,
  type Subject,
} from './facts.ts';
import { withoutProxy } from './bare-pods.ts';
import { byController, ofController, renewPodsHint } from './pod-groups.ts';

export const envoyFilter: Check = {
  id: 'envoy_filter',
  category: 'workloads',
  claim: "every Envoy of Istio's is told of its filters by an EnvoyFilter as svidecar makes it",
  why: 'Without its EnvoyFilter a pod that runs lets requests pass unchecked, and sends them without a token.',
  offline: true,
  reads: ['workloads', 'pods'],
  run: (material) => {
    const users = material.assessed.flatMap(userIn);
    const notes = leftOver(material);
    if (users.length === 0)
      return { findings: [], notes, skipped: "nothing here has an Envoy of Istio's to be told" };
    const { findings, ...told } = judge(users, material);
    return {
      ...told,
      findings: [...findings, ...podFaults(users)],
      notes: [...notes, ...(told.notes ?? [])],
    };
  },
};

/** What has a plan for Istio's Envoy, or asks for one. */
interface FilterUser {
  readonly assessed: Assessed;
  readonly plan: EnvoyPlan;
}

function userIn(assessed: Assessed): readonly FilterUser[] {
  const { decision, located } = assessed;
  const planned = 'status' in decision ? decision.status : undefined;
  const plan = (readableStatus(located.template) ?? planned)?.envoy;
  return plan?.istio === undefined ? [] : [{ assessed, plan }];
}

function judge(users: readonly FilterUser[], { facts }: Material): CheckOutcome {
  const reading = facts.objects.envoyFilters;
  if (reading.kind === 'known' && reading.isAbsent === true)
    return { findings: withoutKind(users) };
  const findings = reading.kind === 'unknown' ? [] : filterFaults(users, reading.subjects, facts);
  const istiods = facts.origin === 'cluster' ? judgeIstiod(facts) : { findings: [] };
  return {
    findings: [...findings, ...istiods.findings],
    unread: 'reasons' in reading ? reading.reasons : [],
    notes: istiods.notes ?? [],
  };
}

function withoutKind(users: readonly FilterUser[]): readonly Finding[] {
  const [first] = users;
  const others = users.length === 1 ? '' : ` (as is that of ${users.length - 1} more)`;
  return [
    {
      severity: 'error',
      where: first?.assessed.where,
      message: `its Envoy is Istio's${others}, and the cluster has no kind ${envoyFilterKind.kind} (CustomResourceDefinition ${envoyFilterKind.crd}), so its pods do not start`,
      hint: "install Istio's CustomResourceDefinitions, or take jwt-inject, jwt-validate and jwt-ban off these pods",
    },
  ];
}

function filterFaults(
  users: readonly FilterUser[],
  there: readonly Subject[],
  facts: ClusterFacts,
): readonly Finding[] {
  const stored = new Map(
    there.map(({ object }) => [`${namespaceOf(object, facts)}/${nameOf(object)}`, object]),
  );
  const injected = users.map(({ assessed }) => assessed).filter(({ isInjected }) => isInjected);
  const byNamespace = Map.groupBy(injected, ({ where }) => where.namespace);
  return [...byNamespace].flatMap(([namespace, members]) =>
    desiredConfigMaps(namespace, members.map(userOf), {
      // What istiod is told is made from nothing else.
      sources: new Map(),
      memory: facts.engine.memory,
      marks: facts.engine.config.configMaps,
    }).envoyFilters.flatMap((filter) =>
      faultFinding(filter, stored.get(`${namespace}/${filter.name}`), members),
    ),
  );
}

const controllerHint =
  'svidecar puts it right at once while it runs: look at its log (kubectl logs -n svidecar deployment/svidecar) for what keeps it';

function faultFinding(
  filter: DesiredEnvoyFilter,
  there: JsonObject | undefined,
  members: readonly Assessed[],
): readonly Finding[] {
  const fault = filterFault(filter, there);
  if (fault === undefined) return [];
  const user = members.find(({ located }) => statusTextOf(located)?.includes(filter.name));
  const called = `${envoyFilterKind.kind} ${filter.name}`;
  const finding = (message: string, hint: string): readonly Finding[] => [
    { severity: 'error', where: user?.where, message, hint },
  ];
  switch (fault.kind) {
    case 'missing':
      return finding(
        `needs ${called}, which is not there: requests to its pods pass unchecked, and leave them without a token`,
        controllerHint,
      );
    case 'foreign':
      return finding(
        `needs ${called}, and the one of that name is not svidecar's (no label app.kubernetes.io/managed-by: svidecar)`,
        'rename or remove it; svidecar then makes its own',
      );
    case 'differs':
      return finding(
        `needs ${called}, whose ${fault.at} is not what svidecar writes: what its pods check may have been narrowed`,
        `${controllerHint}; and see who may write EnvoyFilters there`,
      );
    default:
      return fault satisfies never;
  }
}

/** As far as it can be seen: it may run in another cluster. */
function judgeIstiod({ objects: { istiods } }: ClusterFacts): CheckOutcome {
  const unjudged = (why: string): CheckOutcome => {
    return { findings: [], notes: [`whether an istiod reads EnvoyFilters is not judged: ${why}`] };
  };
  if (istiods.kind === 'unknown') return unjudged(istiods.reasons.join('; '));
  const [first] = istiods.subjects;
  if (first === undefined) return unjudged('no Deployment with the label app: istiod is seen');
  const isReady = istiods.subjects.some(({ object }) => {
    return Number(objectAt(object, 'status')['readyReplicas'] ?? 0) > 0;
  });
  if (isReady) return { findings: [] };
  const namespace = namespaceOf(first.object, { namespace: '' });
  return {
    findings: [
      {
        severity: 'warning',
        where: whereOf(first, namespace),
        message:
          'no replica of istiod is ready, so no Envoy is told of a new or changed EnvoyFilter',
        hint: `kubectl get pods -n ${namespace} -l app=istiod; kubectl logs -n ${namespace} -l app=istiod`,
      },
    ],
  };
}

/** Pods, and pod templates, that their EnvoyFilter does not reach. */
function podFaults(users: readonly FilterUser[]): readonly Finding[] {
  const all = users.map(({ assessed }) => assessed);
  const injected = users.filter(({ assessed }) => assessed.isInjected);
  const unlabelled = injected
    .filter(({ assessed, plan }) => labelOf(assessed) !== plan.derived)
    .map(({ assessed }) => assessed);
  const without = `lacks the label ${envoyFilterLabel} with the name of its EnvoyFilter, which so tells its Envoy nothing`;
  return [
    ...unlabelled
      .filter(({ where }) => where.kind !== 'Pod')
      .map((each) =>
        fault(
          each,
          without,
          'svidecar explain shows what admission would make of it; then apply it again',
        ),
      ),
    ...byController(unlabelled).map((group) =>
      fault(group.first, `${without}${ofController(group)}`, renewPodsHint(group, all)),
    ),
    ...withoutProxy(
      injected.map(({ assessed }) => assessed),
      'so nothing adds or checks tokens',
    ),
  ];
}

function fault({ where }: Assessed, message: string, hint: string): Finding {
  return { severity: 'error', where, message, hint };
}

function labelOf({ located }: Assessed): string | undefined {
  return stringAt(objectAt(objectAt(located.template, 'metadata'), 'labels'), envoyFilterLabel);
}

/** Not a fault: old revisions, which are not listed, may need them for a rollback. */
function leftOver({ facts, assessed }: Material): readonly string[] {
  const { envoyFilters, workloads, pods } = facts.objects;
  if (facts.origin === 'files' || workloads.kind !== 'known' || pods.kind !== 'known') return [];
  const needed = new Set(
    assessed.flatMap((each) =>
      hashesIn(`${labelOf(each) ?? ''} ${statusTextOf(each.located) ?? ''}`).map(
        (hash) => `${each.where.namespace}/${hash}`,
      ),
    ),
  );
  const left = subjectsOf(envoyFilters)
    .map(({ object }) => object)
    .filter(isOurFilter)
    .filter((each) => !needed.has(`${namespaceOf(each, facts)}/${hashOfName(nameOf(each))}`))
    .map((each) => `${namespaceOf(each, facts)}/${nameOf(each)}`);
  if (left.length === 0) return [];
  return [
    `no workload and no pod needs EnvoyFilter ${firstNames(left)}: svidecar removes what no old revision needs either, and svidecar cleanup what it left behind`,
  ];
}
