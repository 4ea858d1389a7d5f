/**
 * The configuration's labels and annotations on the ConfigMaps that svidecar makes. They are not part of a name's content:
 * a changed one is put on the existing ConfigMaps, and no pod restarts for it.
 */
import type { EngineMemory } from '../injection/engine-memory.ts';
import type { ObjectMarks } from '../request/object-marks.ts';
import {
  renderEnvoy,
  wantedBy,
  type ConfigMapUser,
  type DesiredConfigMap,
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
function marked(
  configMap: DesiredConfigMap,
  { labels, annotations }: ObjectMarks,
): DesiredConfigMap {
  return {
    ...configMap,
    labels: { ...labels, ...configMap.labels },
    annotations: { ...annotations, ...configMap.annotations },
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
  return rendered.kind === 'rendered'
    ? { ...rendered, configMap: marked(rendered.configMap, marks) }
    : rendered;
}

export interface Desired {
  readonly configMaps: readonly DesiredConfigMap[];
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
  const found = [...problems];
  for (const envoy of envoys) {
    const { proxy, source: name } = envoy.plan;
    const source = proxy === undefined ? facts.sources.get(name) : undefined;
    const rendered = renderMarked(envoy, { namespace, source }, facts);
    if (rendered.kind === 'rendered') configMaps.push(rendered.configMap);
    else found.push(rendered.problem);
  }
  return { configMaps, problems: found };
}
