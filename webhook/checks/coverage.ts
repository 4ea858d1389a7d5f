/** Whether what asked for the helper has it, and the newest one. */
import { namespaceLabels, statusTextOf, type Assessed } from './assess.ts';
import { editedContainers } from './edited-containers.ts';
import { found, type Check, type Finding, type Material } from './check-contract.ts';
import { isOfAnother, versionIn } from './revisions.ts';
import {
  byController,
  ofController,
  ofOthers,
  renewHint,
  renewPodsHint,
  type PodGroup,
} from './pod-groups.ts';

export const helperPresent: Check = {
  id: 'helper_present',
  category: 'workloads',
  claim: 'workloads and pods that asked for injection have it',
  why: 'A pod without its helper sends no proof of identity, and checks none.',
  offline: false,
  reads: ['namespaces', 'workloads', 'pods'],
  run: (material) => {
    const lacking = seenByWebhook(material).filter(
      ({ asks, decision, isInjected }) => asks && !isInjected && decision.kind === 'injected',
    );
    return found([
      ...lacking.filter(({ where }) => where.kind !== 'Pod').map(workloadLacks),
      ...byController(lacking).map((group) => podsLack(group, material.assessed)),
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

function workloadLacks(each: Assessed): Finding {
  return {
    severity: 'warning',
    where: each.where,
    message:
      'was stored without its injection, so before the webhook or its label was there, or while the webhook did not answer; its new pods are injected all the same',
    hint: renewHint(each),
  };
}

function podsLack(group: PodGroup, all: readonly Assessed[]): Finding {
  return {
    severity: 'error',
    where: group.first.where,
    message: `asked for injection and runs without it${ofController(group)}`,
    hint: renewPodsHint(group, all),
  };
}

export const helperCurrent: Check = {
  id: 'helper_current',
  category: 'workloads',
  claim: 'injected workloads and pods are as the configuration of today would make them',
  why: 'An older injection keeps its old settings and its old image until the workload is rolled out again.',
  offline: false,
  reads: ['workloads', 'pods'],
  run: ({ assessed }) => {
    const old = assessed.filter(
      (each) => each.isInjected && each.decision.kind === 'injected' && !isOfAnother(each),
    );
    const workloads = old.filter(({ where }) => where.kind !== 'Pod');
    // In pods other injectors may have done it, and autoscalers do.
    const stored = assessed.filter(
      ({ where, injector }) => where.kind !== 'Pod' && injector?.isJudged !== false,
    );
    return found([
      ...stored.flatMap(editedIn),
      ...workloads.map((each) => isOld(each, renewHint(each), '')),
      ...ofOthers(old).map((group) => {
        const hint = renewPodsHint(group, assessed, (each) => old.includes(each));
        return isOld(group.first, hint, ofController(group));
      }),
    ]);
  },
};

function editedIn(each: Assessed): readonly Finding[] {
  return editedContainers(each).map(({ name, fields }) => ({
    severity: 'warning',
    where: each.where,
    message: `its container ${name} was changed after svidecar added it (${fields.join(', ')}), and stays so`,
    hint: `delete the container ${name} from it, and svidecar adds it anew at once; what may be set has an annotation (docs/annotations.md)`,
  }));
}

function isOld(each: Assessed, hint: string, others: string): Finding {
  const by = versionIn(statusTextOf(each.located) ?? '');
  return {
    severity: 'warning',
    where: each.where,
    message: `was injected${by === undefined ? '' : ` by version ${by}`} with other settings than today's${others}`,
    hint,
  };
}
