/** Workloads on the network of their nodes, which ask for what needs a policy in vain. */
import { objectAt } from '#kernel/json.ts';
import { nameOf } from '../admission/decide.ts';
import { readRequest } from '../request/read-annotations.ts';
import type { DecidedWorkload } from './decide-all.ts';

/** Sentences. @param policy the kind of object that the template needs */
export function onTheNodesNetwork(
  { located, decision }: DecidedWorkload,
  template: string,
  policy: string,
): readonly string[] {
  const isThere = objectAt(located.template, 'spec')['hostNetwork'] === true;
  if (!isThere || decision.kind !== 'skipped') return [];
  const request = readRequest(located.template);
  return request.kind === 'templates' && request.names.includes(template)
    ? [
        `${nameOf(located)}: it is on the node's network, where nothing is injected and no ${policy} holds; remove hostNetwork`,
      ]
    : [];
}
