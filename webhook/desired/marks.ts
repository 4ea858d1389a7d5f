/**
 * The configuration's labels and annotations on the ConfigMaps that svidecar makes. They are not part of a name's content:
 * a changed one is put on the existing ConfigMaps, and no pod restarts for it.
 */
import type { EngineMemory } from '../injection/engine-memory.ts';
import { hasSource } from '../injection/status.ts';
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
}

/** Our own come last: by them our ConfigMaps are recognized. */
function marked<Object extends Pick<DesiredConfigMap, 'labels' | 'annotations'>>(
  object: Object,
  { labels, annotations }: ObjectMarks,
): Object {
  return {
    ...object,
    labels: { ...labels, ...object.labels },
    annotations: { ...annotations, ...object.annotations },
  };
}

/** {@link wantedBy}, marked. */
export function markedWanted(
  users: readonly ConfigMapUser[],
  { marks, memory }: Marking,
): WantedConfigMaps {
  const wanted = wantedBy(users, memory.parseStatus);
  return { ...wanted, helpers: wanted.helpers.map((helper) => marked(helper, marks)) };
}

/** {@link renderEnvoy}, marked. */
export function renderMarked(
  envoy: WantedEnvoy,
  place: { readonly namespace: string; readonly source: SourceConfigMap | undefined },
  { memory, marks }: Marking,
): Rendered {
  const { copies } = memory;
  const rendered = renderEnvoy(place.namespace, envoy, { source: place.source, copies });
  if (rendered.kind === 'problem') return rendered;
  const { configMap, envoyFilter } = rendered;
  return {
    ...rendered,
    configMap: marked(configMap, marks),
    envoyFilter: envoyFilter === undefined ? undefined : marked(envoyFilter, marks),
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
