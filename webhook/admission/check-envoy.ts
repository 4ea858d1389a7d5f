/** Whether the Envoy configuration that an injection needs is there and can be patched. */
import { LRUCache } from 'lru-cache';
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { EnvoyPatch } from '../envoy/contract.ts';
import { patchPlanned } from '../injection/envoy-plan.ts';
import type { Library } from '../injection/library.ts';
import { checkVisits } from '../injection/probes.ts';
import type { EnvoyPlan, Status } from '../injection/status.ts';
import type { Trace } from '../injection/trace.ts';

/** A ConfigMap as far as it matters here. `resourceVersion` changes with the data. */
export interface ConfigMapView {
  readonly resourceVersion: string;
  readonly data: Readonly<Record<string, string>>;
}

/** Reads from memory; undefined when there is no such ConfigMap, or none is known yet. */
export type ReadConfigMap = (namespace: string, name: string) => ConfigMapView | undefined;

/**
 * Writes what it sees into the trace.
 * @throws {AppError} ENVOY_CONFIG_INVALID, LISTENERS_AMBIGUOUS with file, line and column
 */
export type EnvoyCheck = (namespace: string, subject: EnvoySubject, trace: Trace) => void;

/** A pod template that asks, and what its status will say. */
export interface EnvoySubject {
  readonly template: JsonObject;
  readonly plan: EnvoyPlan;
  readonly status: Status;
}

/** Outcomes of recent checks: the replicas of one rollout ask the same question. Entries hold no file text. */
const rememberedChecks = 500;

type Outcome =
  | Pick<EnvoyPatch, 'warnings' | 'changes' | 'inbound'>
  | { readonly fault: AppError };

export function envoyCheck(read: ReadConfigMap, library: Library): EnvoyCheck {
  const remembered = new LRUCache<string, Outcome>({ max: rememberedChecks });
  return (namespace, { template, plan, status }, trace) => {
    const source = read(namespace, plan.source);
    if (source === undefined) {
      trace.warn(
        'envoy_config_awaited',
        `ConfigMap ${plan.source} is not there yet; the pods start when it is, and ${plan.derived} has been made from it`,
      );
      return;
    }
    const key = `${namespace}/${plan.derived}@${source.resourceVersion}/${plan.version ?? ''}`;
    let outcome = remembered.get(key);
    if (outcome === undefined) {
      outcome = outcomeOf(() => patchPlanned(namespace, plan, { data: source.data, library }));
      remembered.set(key, outcome);
    }
    if ('fault' in outcome) throw outcome.fault;
    for (const { message } of outcome.changes) trace.say('envoy_config_patched', message);
    for (const { id, message } of outcome.warnings) {
      trace.warn(id === 'port_clash' ? id : 'envoy_warning', message);
    }
    checkVisits(template, status, { inbound: outcome.inbound, trace });
  };
}

/** A file that is refused is parsed once too, not for every pod that names it. */
function outcomeOf(patch: () => EnvoyPatch): Outcome {
  try {
    const { warnings, changes, inbound } = patch();
    return { warnings, changes, inbound };
  } catch (thrown) {
    if (!(thrown instanceof AppError)) throw thrown;
    return { fault: thrown };
  }
}
