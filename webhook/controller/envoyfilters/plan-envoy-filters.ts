/** What to write so that an EnvoyFilter becomes the desired one. A function of its input. */
import { own } from '#kernel/members.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { ConfigMapProblem, ConfigMapUser } from '../../desired/desired.ts';
import type { EnvoyFilterStanding } from './envoy-filter-store.ts';
import type { EnvoyFilterEntry } from './stored-envoy-filters.ts';

/** What an EnvoyFilter should be. */
export interface EnvoyFilterTarget {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** @see specDigestOf */
  readonly digest: string;
  /** Made where it is written. */
  readonly spec: () => JsonObject;
  /** Those whose pods it is for. */
  readonly users: readonly ConfigMapUser[];
}

export type EnvoyFilterStep =
  | { readonly kind: 'none' }
  | { readonly kind: 'create' }
  /** The whole of it: a member that somebody added would stay otherwise, and could narrow which pods it is for. */
  | { readonly kind: 'replace'; readonly isSpecOther: boolean };

export function stepFor(
  there: EnvoyFilterEntry | undefined,
  target: EnvoyFilterTarget,
): EnvoyFilterStep {
  if (there === undefined) return { kind: 'create' };
  const isSpecOther = there.digest !== target.digest;
  const isSame =
    !isSpecOther &&
    includes(there.labels, target.labels) &&
    includes(there.annotations, target.annotations);
  return isSame ? { kind: 'none' } : { kind: 'replace', isSpecOther };
}

function includes(
  all: Readonly<Record<string, string>>,
  some: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(some).every(([key, text]) => own(all, key) === text);
}

function waits({ namespace, name }: EnvoyFilterTarget): string {
  return `EnvoyFilter ${namespace}/${name} cannot be made, so new pods that need it do not start`;
}

/** Why none can be written at all; undefined where they can, and before that is known. */
export function obstacle(
  standing: EnvoyFilterStanding,
  target: EnvoyFilterTarget,
): ConfigMapProblem | undefined {
  const { users } = target;
  switch (standing) {
    case 'there':
    case 'unknown':
      return undefined;
    case 'absent': {
      const message = `${waits(target)}: the cluster has no kind EnvoyFilter (networking.istio.io); install Istio's CustomResourceDefinitions, or take jwt-inject, jwt-validate and jwt-ban off pods whose Envoy is Istio's`;
      return { reason: 'EnvoyFilterImpossible', message, users };
    }
    case 'forbidden': {
      const message = `${waits(target)}: svidecar may not list EnvoyFilters; apply the ClusterRole svidecar of this version's manifests`;
      return { reason: 'EnvoyFilterImpossible', message, users };
    }
    default:
      return standing satisfies never;
  }
}

/** Reports that it is still not known which there are. */
export function unheard(target: EnvoyFilterTarget): ConfigMapProblem {
  const message = `${waits(target)}: the API server has not told svidecar yet which EnvoyFilters there are; it is asked again and again, and the log says what it answers ("cannot watch a resource", envoyfilters)`;
  return { reason: 'EnvoyFilterImpossible', message, users: target.users };
}

/** Reports that somebody else has one of our names. */
export function nameTaken({ namespace, name, users }: EnvoyFilterTarget): ConfigMapProblem {
  const message =
    `EnvoyFilter ${namespace}/${name} exists and is not svidecar's (no label app.kubernetes.io/managed-by: svidecar); ` +
    'it is left alone, and pods that need it do not start: rename or remove it';
  return { reason: 'EnvoyFilterTaken', message, users };
}
