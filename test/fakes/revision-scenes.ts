/** Installations, the default and one namespace, as facts for checks. */
import type { JsonObject } from '#kernel/json.ts';
import { defaultConfiguration } from '../../webhook/request/revision-hooks.ts';
import { enabled, factsWith, namespace } from './check-facts.ts';
import { engineOf, hooksBy, revisionKey } from './revisions.ts';

export interface Scene {
  readonly installed: readonly string[];
  readonly byDefault?: string;
  /** What the namespace `shop` names. */
  readonly names?: string;
  readonly workload?: JsonObject;
}

export function hooksIn({ installed, byDefault }: Scene): readonly JsonObject[] {
  const all = installed.flatMap(hooksBy);
  if (byDefault === undefined) return all;
  return [...all, defaultConfiguration(hooksBy(byDefault), byDefault)];
}

/** @param judgedBy whose configuration counts */
export function factsOf(scene: Scene, judgedBy = ''): ReturnType<typeof factsWith> {
  const { names, workload } = scene;
  const labels = { ...enabled, ...(names === undefined ? {} : { [revisionKey]: names }) };
  return factsWith(
    {
      hooks: hooksIn(scene),
      namespaces: [namespace('shop', labels)],
      workloads: workload === undefined ? [] : [workload],
    },
    { engine: engineOf(judgedBy) },
  );
}
