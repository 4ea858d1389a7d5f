/** Whether what asked for the helper has it, and the newest one. */
import { listAt, isObject, objectAt, stringAt } from '#kernel/json.ts';
import { kindNamed, workloadKindOf, type WorkloadKind } from '../objects/kinds.ts';
import { namespaceLabels, statusTextOf, type Assessed } from './assess.ts';
import { found, type Check, type Finding, type Material } from './check-contract.ts';

export const helperPresent: Check = {
  id: 'helper_present',
  category: 'workloads',
  claim: 'workloads and pods that ask for injection are injected',
  why: 'A pod without its helper sends no proof of identity, and checks none.',
  offline: false,
  reads: ['namespaces', 'workloads', 'pods'],
  run: (material) => {
    const lacking = seenByWebhook(material).filter(
      ({ asks, decision, isInjected }) => asks && !isInjected && decision.kind === 'injected',
    );
    return found([
      ...lacking.filter(({ where }) => where.kind !== 'Pod').map(workloadLacks),
      ...byController(lacking).map(podsLack),
    ]);
  },
};

/** In namespaces labelled `pod` the workloads themselves stay as they are. */
function seenByWebhook({ objects, assessed }: Material): readonly Assessed[] {
  const labels = namespaceLabels(objects('namespaces'));
  return assessed.filter(({ where }) => {
    const label = labels.get(where.namespace);
    return label === 'enabled' || (label === 'pod' && where.kind === 'Pod');
  });
}

function workloadLacks({ where }: Assessed): Finding {
  return {
    severity: 'warning',
    where,
    message:
      'was stored without injection: before the webhook was installed or the namespace labelled, or while the webhook did not answer; its new pods are injected all the same',
    hint:
      where.kind === 'Job'
        ? 'delete it and create it again'
        : `kubectl rollout restart ${where.kind.toLowerCase()}/${where.name} -n ${where.namespace}`,
  };
}

interface PodGroup {
  readonly first: Assessed;
  readonly count: number;
  /** Absent for pods of their own. */
  readonly controller: Controller | undefined;
}

interface Controller {
  readonly kind: string;
  readonly name: string;
  /** Undefined for a kind that is not changed, also where its name is that of one that is. */
  readonly type: WorkloadKind | undefined;
}

/** Pods of one controller have one cure, so they are told of together. */
function byController(pods: readonly Assessed[]): readonly PodGroup[] {
  const groups = new Map<string, PodGroup>();
  for (const pod of pods) {
    if (pod.where.kind !== 'Pod') continue;
    const controller = controllerOf(pod);
    const key = `${pod.where.namespace} ${titleOf(controller) ?? pod.where.name}`;
    const group = groups.get(key) ?? { first: pod, count: 0, controller };
    groups.set(key, { ...group, count: group.count + 1 });
  }
  return [...groups.values()];
}

/** A Deployment's ReplicaSet is named after it and the hash that its pods carry as a label. */
function controllerOf({ located }: Assessed): Controller | undefined {
  const owner = listAt(located.metadata, 'ownerReferences')
    .filter(isObject)
    .find((each) => each['controller'] === true);
  const kind = stringAt(owner, 'kind');
  const name = stringAt(owner, 'name');
  if (owner === undefined || kind === undefined || name === undefined) return undefined;
  const type = workloadKindOf(owner);
  const hash = stringAt(objectAt(located.metadata, 'labels'), 'pod-template-hash');
  const revisionOf = type?.revisionOf;
  if (revisionOf === undefined || hash === undefined || !name.endsWith(`-${hash}`))
    return { kind, name, type };
  const own = name.slice(0, -hash.length - 1);
  return { kind: revisionOf, name: own, type: kindNamed(revisionOf) };
}

function titleOf(controller: Controller | undefined): string | undefined {
  return controller === undefined ? undefined : `${controller.kind} ${controller.name}`;
}

function restartHint({ first, controller }: PodGroup): string {
  if (controller?.type?.isRestartable === true) {
    const { kind, name } = controller;
    return `kubectl rollout restart ${kind.toLowerCase()}/${name} -n ${first.where.namespace}`;
  }
  return 'delete the pod, so that it is created again';
}

function ofController({ count, controller }: PodGroup): string {
  const title = titleOf(controller);
  if (title === undefined) return '';
  return count === 1 ? ` (of ${title})` : ` (and ${count - 1} more pods of ${title})`;
}

function podsLack(group: PodGroup): Finding {
  return {
    severity: 'error',
    where: group.first.where,
    message: `asked for injection and runs without it${ofController(group)}`,
    hint: restartHint(group),
  };
}

export const helperCurrent: Check = {
  id: 'helper_current',
  category: 'workloads',
  claim: 'injected workloads and pods match the current configuration',
  why: 'An older injection keeps its old settings and its old image until the workload is rolled out again.',
  offline: false,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) => {
    const old = assessed.filter(
      ({ decision, isInjected }) => isInjected && decision.kind === 'injected',
    );
    const workloads = old.filter(({ where }) => where.kind !== 'Pod');
    const told = new Set(
      workloads.map(({ where }) => `${where.namespace} ${where.kind} ${where.name}`),
    );
    return found([
      ...workloads.map((each) =>
        isOld(each, { first: each, count: 1, controller: ownController(each) }),
      ),
      ...byController(old)
        .filter(
          ({ first, controller }) =>
            !told.has(`${first.where.namespace} ${titleOf(controller) ?? ''}`),
        )
        .map((group) => isOld(group.first, group)),
    ]);
  },
};

function ownController({ where: { kind, name } }: Assessed): Controller {
  return { kind, name, type: kindNamed(kind) };
}

function isOld(each: Assessed, group: PodGroup): Finding {
  const by = versionOf(each);
  const others = each.where.kind === 'Pod' ? ofController(group) : '';
  return {
    severity: 'warning',
    where: each.where,
    message: `was injected${by === undefined ? '' : ` by version ${by}`} with settings other than the current ones${others}`,
    hint: restartHint(group),
  };
}

function versionOf({ located }: Assessed): string | undefined {
  const version = /"version":"([\w.+-]{1,40})"/.exec(statusTextOf(located) ?? '')?.[1];
  return version;
}
