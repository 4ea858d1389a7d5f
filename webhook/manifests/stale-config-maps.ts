/** ConfigMaps of ours among the inputs whose contents are outdated: an injection consists of more than the workload. */
import { sameJson } from '#kernel/json.ts';
import type { DesiredConfigMap } from '../desired/desired.ts';
import { appendedIn } from './appended-documents.ts';
import type { ConfigMaps, DecidedWorkload } from './decide-all.ts';
import { readManifest, type ManifestDocument, type SourceText } from './manifest.ts';

interface Standing {
  /** Those that an earlier `inject` appended: they are rewritten each time. */
  readonly appended: ConfigMaps;
  /** All others, which stay as they are. */
  readonly others: ConfigMaps;
}

/** What an earlier `inject` appended. */
export function appendedAmong(sources: readonly SourceText[]): readonly ManifestDocument[] {
  return sources.flatMap(({ name, text }) => readManifest({ name, text: appendedIn(text) }));
}

/** The outcomes, with a warning about each of their ConfigMaps that exists and has other contents. */
export function toldOfStale(
  outcomes: readonly DecidedWorkload[],
  wanted: readonly DesiredConfigMap[],
  standing: Standing,
): readonly DecidedWorkload[] {
  const stale = new Map(wanted.flatMap((one) => staleEntry(one, standing)));
  if (stale.size === 0) return outcomes;
  return outcomes.map((outcome) => {
    const { decision, located } = outcome;
    if (decision.kind !== 'injected' && decision.kind !== 'unchanged') return outcome;
    const { helper, envoy } = decision.status;
    const steps = [helper?.configMap, envoy?.derived].flatMap((name) => {
      const message = stale.get(`${located.namespace}/${name ?? ''}`);
      return message === undefined
        ? []
        : [{ id: 'configmap_differs', level: 'warning', message } as const];
    });
    return { ...outcome, decision: { ...decision, steps: [...decision.steps, ...steps] } };
  });
}

function staleEntry(
  wanted: DesiredConfigMap,
  { appended, others }: Standing,
): readonly (readonly [string, string])[] {
  const name = `${wanted.namespace}/${wanted.name}`;
  const there = others.get(name) ?? appended.get(name);
  if (there === undefined || isSame(there, wanted)) return [];
  const next = others.has(name)
    ? 'inject leaves it there: remove it from the manifests, and inject writes it; in a cluster the controller does'
    : 'inject writes it anew';
  return [
    [
      name,
      `ConfigMap ${name} exists, but does not hold what svidecar makes for this workload: it, or what it is made from, was changed; ${next}`,
    ],
  ];
}

type Contents = Pick<DesiredConfigMap, 'data' | 'binaryData'>;

function isSame(there: Contents, wanted: Contents): boolean {
  return (
    sameJson(there.data, wanted.data) && sameJson(there.binaryData ?? {}, wanted.binaryData ?? {})
  );
}
