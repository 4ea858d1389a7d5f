/** Patched copies and EnvoyFilters, each made once for a version of its source: an unrelated change in the namespace costs nothing. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  distinctOwners,
  type ConfigMapProblem,
  type DesiredConfigMap,
  type DesiredEnvoyFilter,
  type SourceConfigMap,
  type WantedEnvoy,
} from '../desired/desired.ts';
import { digestOf } from '../injection/config-map-contents.ts';
import { hasSource } from '../injection/status.ts';
import type { Target } from './configmaps/plan-config-maps.ts';
import type { Desire } from './desire.ts';
import type { EnvoyFilterTarget } from './envoyfilters/plan-envoy-filters.ts';
import { specDigestOf } from './envoyfilters/stored-envoy-filters.ts';

/** What is kept of a rendering: no text, so that memory does not grow with the size of the configurations. */
interface Kept {
  readonly desire: Desire;
  readonly source: string;
  readonly outcome:
    | {
        readonly kind: 'rendered';
        readonly configMap: Omit<DesiredConfigMap, 'data' | 'binaryData' | 'users'>;
        readonly digest: string;
        readonly filter: Pick<EnvoyFilterTarget, 'labels' | 'annotations' | 'digest'> | undefined;
      }
    | { readonly kind: 'problem'; readonly problem: Omit<ConfigMapProblem, 'users'> };
}

export class Renderings {
  /** By namespace, then by the copy's name. */
  readonly #kept = new Map<string, Map<string, Kept>>();
  count = 0;

  /** Lets others have a turn after each rendering: reviews must not wait for all of a namespace's. */
  async of(
    namespace: string,
    envoys: readonly WantedEnvoy[],
    facts: {
      readonly desire: Desire;
      readonly source: (name: string) => SourceConfigMap | undefined;
    },
  ): Promise<{
    readonly targets: readonly Target[];
    /** Each of the name of one of the targets. */
    readonly filters: readonly EnvoyFilterTarget[];
    readonly problems: readonly ConfigMapProblem[];
  }> {
    const before = this.#kept.get(namespace);
    const now = new Map<string, Kept>();
    const targets: Target[] = [];
    const filters: EnvoyFilterTarget[] = [];
    const problems: ConfigMapProblem[] = [];
    for (const envoy of envoys) {
      const source = sourceOf(envoy, facts);
      let kept = before?.get(envoy.plan.derived);
      if (kept?.desire !== facts.desire || kept.source !== versionOf(envoy, source)) {
        kept = this.#render(namespace, envoy, { desire: facts.desire, source });
        await nextTurn();
      }
      now.set(envoy.plan.derived, kept);
      const { outcome } = kept;
      if (outcome.kind === 'problem') {
        problems.push({ ...outcome.problem, users: envoy.users });
        continue;
      }
      targets.push(targetOf(namespace, envoy, { ...facts, outcome }));
      if (outcome.filter !== undefined)
        filters.push(filterTargetOf(namespace, envoy, { ...outcome.filter, desire: facts.desire }));
    }
    if (now.size === 0) this.#kept.delete(namespace);
    else this.#kept.set(namespace, now);
    return { targets, filters, problems };
  }

  forget(namespace: string): void {
    this.#kept.delete(namespace);
  }

  #render(
    namespace: string,
    envoy: WantedEnvoy,
    facts: { readonly desire: Desire; readonly source: SourceConfigMap | undefined },
  ): Kept {
    this.count += 1;
    const { desire, source } = facts;
    const rendered = desire.render(namespace, envoy, source);
    if (rendered.kind === 'problem') {
      const { reason, message } = rendered.problem;
      return {
        desire,
        source: versionOf(envoy, source),
        outcome: { kind: 'problem', problem: { reason, message } },
      };
    }
    const { data, binaryData, users: _users, ...configMap } = rendered.configMap;
    return {
      desire,
      source: versionOf(envoy, source),
      outcome: {
        kind: 'rendered',
        configMap,
        digest: digestOf(data, binaryData),
        filter: rendered.envoyFilter === undefined ? undefined : slimmed(rendered.envoyFilter),
      },
    };
  }
}

/** The texts are made again where they are written: seldom. */
function targetOf(
  namespace: string,
  envoy: WantedEnvoy,
  facts: {
    readonly desire: Desire;
    readonly source: (name: string) => SourceConfigMap | undefined;
    readonly outcome: Extract<Kept['outcome'], { kind: 'rendered' }>;
  },
): Target {
  const { configMap, digest } = facts.outcome;
  const source = sourceOf(envoy, facts);
  return {
    ...configMap,
    digest,
    users: envoy.users,
    contents: () => {
      const rendered = facts.desire.render(namespace, envoy, source);
      if (rendered.kind === 'problem') throw new Error(rendered.problem.message);
      const { changes, warnings, configMap: made } = rendered;
      const { data, binaryData = {} } = made;
      const sourceVersion = source?.resourceVersion ?? '';
      return { data, binaryData, changes, warnings, sourceVersion };
    },
  };
}

function slimmed({
  labels,
  annotations,
  spec,
}: DesiredEnvoyFilter): Pick<EnvoyFilterTarget, 'labels' | 'annotations' | 'digest'> {
  return { labels, annotations, digest: specDigestOf(spec) };
}

/** All that it is made from is in the plan. */
function filterTargetOf(
  namespace: string,
  envoy: WantedEnvoy,
  { desire, ...slim }: ReturnType<typeof slimmed> & { readonly desire: Desire },
): EnvoyFilterTarget {
  return {
    ...slim,
    namespace,
    name: envoy.plan.derived,
    users: envoy.users,
    spec: () => {
      const rendered = desire.render(namespace, envoy, undefined);
      if (rendered.kind === 'problem') throw new Error(rendered.problem.message);
      return rendered.envoyFilter?.spec ?? {};
    },
  };
}

function sourceOf(
  { plan }: WantedEnvoy,
  facts: { readonly source: (name: string) => SourceConfigMap | undefined },
): SourceConfigMap | undefined {
  return hasSource(plan) ? facts.source(plan.source) : undefined;
}

/** What a rendering depends on besides its plan: its source, or who owns it. */
function versionOf({ plan, users }: WantedEnvoy, source: SourceConfigMap | undefined): string {
  if (!hasSource(plan))
    return distinctOwners(users)
      .map(({ uid }) => uid)
      .sort()
      .join(' ');
  return source === undefined
    ? ''
    : `${source.uid} ${source.resourceVersion} ${source.withheldBytes ?? ''}`;
}
