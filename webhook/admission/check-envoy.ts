/** Whether the Envoy configuration that an injection needs is there and can be patched. */
import { AppError } from '#kernel/errors.ts';
import { LRUCache } from 'lru-cache';
import type { JsonObject } from '#kernel/json.ts';
import type { EnvoyPatch, Guard } from '../envoy/patch-contract.ts';
import { withheldMessage, type ConfigMapContents } from '../injection/config-map-contents.ts';
import { patchPlanned } from '../injection/envoy-plan.ts';
import type { Library } from '../templates/library.ts';
import { checkVisits } from '../injection/probes.ts';
import type { EnvoyPlan, Status } from '../injection/status.ts';
import { placeIn, wordsElsewhere, type ToldSource } from '../injection/told-place.ts';
import { toldRefusal, toldWarning } from '../injection/told-reasons.ts';
import type { Trace } from '../injection/trace.ts';

/** A ConfigMap as far as it matters here. `resourceVersion` changes with the data. */
export interface ConfigMapView extends ConfigMapContents {
  readonly resourceVersion: string;
  /** How large its texts are, where they are not held. */
  readonly withheldBytes?: number;
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

/** @see KeysOf */
export function keysReader(
  read: ReadConfigMap,
): (namespace: string, name: string) => readonly string[] | undefined {
  return (namespace, name) => {
    const found = read(namespace, name);
    return found === undefined || found.withheldBytes !== undefined
      ? undefined
      : [...Object.keys(found.data), ...Object.keys(found.binaryData ?? {})];
  };
}

type Outcome = Pick<EnvoyPatch, 'warnings' | 'changes' | 'inbound'>;

/**
 * Whether the asker is known to be allowed to read the ConfigMap. Anybody who reaches the webhook can send a review with
 * somebody else's namespace in it; so what a review is told are places, unless it is known who sends reviews.
 */
export type Telling = 'words' | 'places';

export function envoyCheck(
  read: ReadConfigMap,
  library: Library,
  telling: Telling = 'places',
): EnvoyCheck {
  const remembered = new LRUCache<string, Outcome | AppError>({ max: rememberedChecks });
  return (namespace, { template, plan, status }, trace) => {
    const source = read(namespace, plan.source);
    if (source === undefined) {
      trace.warn(
        'envoy_config_awaited',
        `ConfigMap ${plan.source} is not there yet; the pods start when it is, and ${plan.derived} has been made from it`,
      );
      return;
    }
    if (source.withheldBytes !== undefined) {
      const where = { namespace, name: plan.source, bytes: source.withheldBytes };
      throw new AppError('ENVOY_CONFIG_INVALID', withheldMessage(where));
    }
    const key = `${namespace}/${plan.derived}@${source.resourceVersion}/${plan.version ?? ''}`;
    let outcome = remembered.get(key);
    if (outcome === undefined) {
      outcome = orFault(() => outcomeOf(namespace, plan, { source, library, telling }));
      remembered.set(key, outcome);
    }
    if (outcome instanceof AppError) throw outcome;
    for (const { message } of outcome.changes) trace.say('envoy_config_patched', message);
    for (const { id, message } of outcome.warnings) {
      trace.warn(id === 'port_clash' ? id : 'envoy_warning', message);
    }
    checkVisits(template, status, { inbound: outcome.inbound, trace });
  };
}

/** A file that is refused is parsed once too, not for every pod that names it. */
function orFault(read: () => Outcome): Outcome | AppError {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof AppError) return thrown;
    throw thrown;
  }
}

interface Asked {
  readonly source: ConfigMapView;
  readonly library: Library;
  readonly telling: Telling;
}

function outcomeOf(namespace: string, plan: EnvoyPlan, asked: Asked): Outcome {
  const { library, telling } = asked;
  const source = { name: `ConfigMap ${namespace}/${plan.source}`, contents: asked.source };
  try {
    const { warnings, changes, inbound } = patchPlanned(namespace, plan, {
      ...asked.source,
      library,
    });
    const outcome = { warnings, changes, inbound };
    return telling === 'words' ? outcome : placesOf(outcome, source);
  } catch (thrown) {
    if (telling === 'words' || !(thrown instanceof AppError)) throw thrown;
    const place = placeIn(thrown.facts, source);
    const why = toldRefusal(thrown.reason) ?? 'this Envoy configuration cannot be patched';
    throw new AppError(thrown.code, `${place}: ${why}; ${wordsElsewhere}`, {
      reason: thrown.reason,
      facts: thrown.facts,
    });
  }
}

function placesOf({ warnings, changes, inbound }: Outcome, source: ToldSource): Outcome {
  return {
    warnings: warnings.map(({ id, place }) => ({
      id,
      place,
      message: `${placeIn(place, source)}: ${toldWarning(id)}; ${wordsElsewhere}`,
    })),
    changes: changes.map((change) => ({
      ...change,
      message: `added to ${change.file}, line ${change.line}`,
    })),
    inbound: {
      ...inbound,
      guards: inbound.guards.map(atPlace),
      appPorts: inbound.appPorts.map(({ port, guard }) => ({ port, guard: atPlace(guard) })),
    },
  };
}

function atPlace(guard: Guard): Guard {
  return { ...guard, listener: `at ${guard.place}` };
}
