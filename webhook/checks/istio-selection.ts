/** Which pods a policy of Istio's is for. @see istio.type.v1beta1.WorkloadSelector */
import { listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import { isMatched } from '../objects/label-selector.ts';
import { usualRootNamespace } from '../istio/provider.ts';
import type { Assessed } from './assess.ts';
import { namespaceOf, subjectsOf, type ClusterFacts } from './facts.ts';
import { rootNamespaceOf, meshesOf } from './mesh-configs.ts';

/** Namespaces whose policies hold for the whole mesh. */
export function rootNamespaces(facts: ClusterFacts): ReadonlySet<string> {
  const found = meshesOf(subjectsOf(facts.objects.meshConfigs)).map(rootNamespaceOf);
  return new Set(found.length === 0 ? [usualRootNamespace] : found);
}

/** One that names a target is for a gateway or a Service, and nothing is concluded from it. */
export function isFor(
  policy: JsonObject,
  { where, located }: Assessed,
  roots: ReadonlySet<string>,
): boolean {
  const namespace = namespaceOf(policy, { namespace: '' });
  if (namespace !== where.namespace && !roots.has(namespace)) return false;
  const spec = objectAt(policy, 'spec');
  if (listAt(spec, 'targetRefs').length > 0 || spec['targetRef'] !== undefined) return false;
  const labels = objectAt(objectAt(located.template, 'metadata'), 'labels');
  return isMatched(objectAt(spec, 'selector'), labels);
}
