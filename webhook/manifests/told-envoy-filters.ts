/** EnvoyFilters of ours as they stand, among the inputs or in a cluster, and what explain says of them. */
import type { JsonObject } from '#kernel/json.ts';
import { nameOf, namespaceOf, subjectsOf, type Reading } from '../checks/facts.ts';
import type { DesiredEnvoyFilter } from '../desired/desired.ts';
import { couldBeOurFilter, filterFault, type FilterFault } from '../desired/filter-faults.ts';
import type { TraceStep } from '../injection/trace.ts';
import { envoyFilterKind } from '../istio/istio-plan.ts';
import type { DecidedWorkload } from './decide-all.ts';
import type { ManifestDocument } from './manifest.ts';

/** `namespace/name` → EnvoyFilter. */
export type EnvoyFilters = ReadonlyMap<string, JsonObject>;

export function envoyFiltersIn(
  documents: readonly ManifestDocument[],
  namespace: string,
): EnvoyFilters {
  const found = documents
    .flatMap(({ objects }) => objects)
    .map(({ value }) => value)
    .filter((value) => value['kind'] === envoyFilterKind.kind && couldBeOurFilter(value));
  return byName(found, namespace);
}

function byName(filters: readonly JsonObject[], namespace: string): EnvoyFilters {
  return new Map(
    filters.map((each) => [`${namespaceOf(each, { namespace })}/${nameOf(each)}`, each]),
  );
}

/** A step about one EnvoyFilter; undefined where there is nothing to say. */
export type Tell = (filter: DesiredEnvoyFilter, isStored: boolean) => TraceStep | undefined;

/** The outcomes, each with what is to be said of its EnvoyFilter. */
export function toldOfFilters(
  outcomes: readonly DecidedWorkload[],
  wanted: readonly DesiredEnvoyFilter[],
  tell: Tell,
): readonly DecidedWorkload[] {
  const filters = new Map(wanted.map((each) => [`${each.namespace}/${each.name}`, each]));
  if (filters.size === 0) return outcomes;
  return outcomes.map((outcome) => {
    const { decision, located } = outcome;
    if (decision.kind !== 'injected' && decision.kind !== 'unchanged') return outcome;
    const name = decision.status.envoy?.derived ?? '';
    const filter = filters.get(`${located.namespace}/${name}`);
    const step = filter === undefined ? undefined : tell(filter, decision.kind === 'unchanged');
    if (step === undefined) return outcome;
    return { ...outcome, decision: { ...decision, steps: [...decision.steps, step] } };
  });
}

/** Among manifests nothing is missing: inject prints it. */
export function amongTexts(others: EnvoyFilters, appended: EnvoyFilters): Tell {
  return (filter) => {
    const name = `${filter.namespace}/${filter.name}`;
    const there = others.get(name) ?? appended.get(name);
    const fault = there === undefined ? undefined : filterFault(filter, there);
    if (fault === undefined) return undefined;
    const next = others.has(name)
      ? 'inject leaves it there: remove it from the manifests, and inject writes it'
      : 'inject writes it anew';
    return warning('envoy_filter_differs', `${wordsOf(filter, fault)}; ${next}`);
  };
}

export function inCluster(reading: Reading): Tell {
  if (reading.kind === 'unknown') {
    const message = `whether its EnvoyFilter is as it should be is not known: ${reading.reasons.join('; ')}`;
    return () => warning('envoy_filter_unread', message);
  }
  const there = byName(
    subjectsOf(reading).map(({ object }) => object),
    '',
  );
  const isAbsent = reading.kind === 'known' && reading.isAbsent === true;
  return (filter, isStored) => {
    const called = `${envoyFilterKind.kind} ${filter.namespace}/${filter.name}`;
    if (isAbsent)
      return warning(
        'envoy_filter_missing',
        `${called} cannot be there: the cluster has no kind ${envoyFilterKind.kind}; install Istio's CustomResourceDefinitions`,
      );
    const fault = filterFault(filter, there.get(`${filter.namespace}/${filter.name}`));
    if (fault === undefined)
      return info('envoy_filter_stands', `${called} is there, as svidecar writes it`);
    if (fault.kind === 'missing' && !isStored)
      return info(
        'envoy_filter_missing',
        `${called} is not there yet: svidecar makes it before the pods start`,
      );
    return fault.kind === 'missing'
      ? warning(
          'envoy_filter_missing',
          `${called} is not there, so requests to its pods pass unchecked: svidecar check says what to do`,
        )
      : warning(
          'envoy_filter_differs',
          `${wordsOf(filter, fault)}: svidecar check says what to do`,
        );
  };
}

function wordsOf({ namespace, name }: DesiredEnvoyFilter, fault: FilterFault): string {
  const called = `${envoyFilterKind.kind} ${namespace}/${name}`;
  return fault.kind === 'differs'
    ? `${called} exists, but its ${fault.at} is not what svidecar writes`
    : `${called} exists, but is not svidecar's (no label app.kubernetes.io/managed-by: svidecar)`;
}

function warning(id: TraceStep['id'], message: string): TraceStep {
  return { id, level: 'warning', message };
}

function info(id: TraceStep['id'], message: string): TraceStep {
  return { id, level: 'info', message };
}
