/** Pods that were to have Istio's proxy, and run without it. */
import { stringAt } from '#kernel/json.ts';
import { proxyIn } from '../injection/istio-marks.ts';
import { istioContainer } from '../istio/istio-plan.ts';
import type { Assessed } from './assess.ts';
import type { Finding } from './check-contract.ts';
import { byController, ofController, renewPodsHint } from './pod-groups.ts';

/** @param so what follows from it: half a sentence */
export function withoutProxy(users: readonly Assessed[], so: string): readonly Finding[] {
  const bare = users.filter(({ located, subject }) => {
    const isStored = stringAt(located.metadata, 'uid') !== undefined;
    return isStored && proxyIn(subject.object) === undefined;
  });
  return byController(bare).map((group) => ({
    severity: 'error',
    where: group.first.where,
    message: `runs without ${istioContainer}, ${so}${ofController(group)}`,
    hint: `see that Istio injects this namespace (label istio-injection: enabled, or istio.io/rev), then ${renewPodsHint(group, users, () => false)}`,
  }));
}
