/**
 * The configuration's labels and annotations on the ConfigMaps that svidecar makes. They are not part of a name's content:
 * a changed one is put on the existing ConfigMaps, and no pod restarts for it.
 */
import type { EngineMemory } from '../injection/engine-memory.ts';
import { hasSource } from '../injection/status.ts';
import { revisionLabel } from '../request/metadata-keys.ts';
import type { ObjectMarks } from '../request/object-marks.ts';
import {
  renderEnvoy,
  wantedBy,
  type ConfigMapUser,
  type DesiredConfigMap,
  type DesiredEnvoyFilter,
  type Rendered,
  type SourceConfigMap,
  type WantedConfigMaps,
  type WantedEnvoy,
} from './desired.ts';

export interface Marking {
  readonly memory: Pick<EngineMemory, 'copies' | 'parseStatus'>;
  readonly marks: ObjectMarks;
  /** Whose injections count, and whose label the objects get; absent: everybody's, without a label. */
  readonly revision?: string | undefined;
}

/** Our own come last: by them our ConfigMaps are recognized. */
function marked<Object extends Pick<DesiredConfigMap, 'labels' | 'annotations'>>(
  object: Object,
  { marks: { labels, annotations }, revision = '' }: Pick<Marking, 'marks' | 'revision'>,
): Object {
  const own = revision === '' ? {} : { [revisionLabel]: revision };
  return {
    ...object,
    labels: { ...labels, ...object.labels, ...own },
    annotations: { ...annotations, ...object.annotations },
  };
}

/** {@link wantedBy}, marked. */
export function markedWanted(users: readonly ConfigMapUser[], marking: Marking): WantedConfigMaps {
  const wanted = wantedBy(users, marking.memory.parseStatus, marking.revision);
  return { ...wanted, helpers: wanted.helpers.map((helper) => marked(helper, marking)) };
}

/** {@link renderEnvoy}, marked. */
export function renderMarked(
  envoy: WantedEnvoy,
  place: { readonly namespace: string; readonly source: SourceConfigMap | undefined },
  marking: Marking,
): Rendered {
  const { copies } = marking.memory;
  const rendered = renderEnvoy(place.namespace, envoy, { source: place.source, copies });
  if (rendered.kind === 'problem') return rendered;
  const { configMap, envoyFilter } = rendered;
  return {
    ...rendered,
    configMap: marked(configMap, marking),
    envoyFilter: envoyFilter === undefined ? undefined : marked(envoyFilter, marking),
  };
}

export interface Desired {
  readonly configMaps: readonly DesiredConfigMap[];
  /** Each of the name of one of these ConfigMaps. */
  readonly envoyFilters: readonly DesiredEnvoyFilter[];
  readonly problems: WantedConfigMaps['problems'];
}

/** All at once. @param facts.sources by name, of the same namespace */
export function desiredConfigMaps(
  namespace: string,
  users: readonly ConfigMapUser[],
  facts: Marking & { readonly sources: ReadonlyMap<string, SourceConfigMap> },
): Desired {
  const { helpers, envoys, problems } = markedWanted(users, facts);
  const configMaps = [...helpers];
  const envoyFilters: DesiredEnvoyFilter[] = [];
  const found = [...problems];
  for (const envoy of envoys) {
    const { plan } = envoy;
    const source = hasSource(plan) ? facts.sources.get(plan.source) : undefined;
    const rendered = renderMarked(envoy, { namespace, source }, facts);
    if (rendered.kind === 'problem') {
      found.push(rendered.problem);
      continue;
    }
    configMaps.push(rendered.configMap);
    if (rendered.envoyFilter !== undefined) envoyFilters.push(rendered.envoyFilter);
  }
  return { configMaps, envoyFilters, problems: found };
}
