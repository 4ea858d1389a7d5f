/** Whether the Envoy configuration that an injection needs is there and can be patched. */
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Guard } from '../envoy/patch-contract.ts';
import { withheldMessage, type ConfigMapContents } from '../injection/config-map-contents.ts';
import type { PatchedCopies, ToldPatch } from '../injection/patched-copies.ts';
import { probesMeetEnvoy, scrapesMeetEnvoy } from '../injection/istio-filter.ts';
import { checkVisits } from '../injection/probes.ts';
import { hasSource, type EnvoyPlan, type Status } from '../injection/status.ts';
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

/** A pod template that asks for injection, and the contents of its status. */
export interface EnvoySubject {
  readonly template: JsonObject;
  readonly plan: EnvoyPlan;
  readonly status: Status;
}

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

/**
 * Whether the sender is known to be allowed to read the ConfigMap. Anybody who reaches the webhook can send a review with
 * somebody else's namespace in it, so answers name positions only, unless it is known who sends reviews.
 */
export type AnswerDetail = 'words' | 'places';

export function envoyCheck(
  read: ReadConfigMap,
  copies: Pick<PatchedCopies, 'told'>,
  detail: AnswerDetail = 'places',
): EnvoyCheck {
  const toldOf = detail === 'words' ? copies : inPlaces(copies);
  return (namespace, { template, plan, status }, trace) => {
    const tell = ({ changes, warnings, inbound }: ToldPatch): void => {
      for (const { message } of changes) trace.say('envoy_config_patched', message);
      for (const { id, message } of warnings)
        trace.warn(id === 'port_clash' ? id : 'envoy_warning', message);
      const isPlain = plan.istio === undefined;
      checkVisits(template, status, {
        inbound,
        trace,
        hasProbes: isPlain || probesMeetEnvoy(template),
        hasScrapes: isPlain || scrapesMeetEnvoy(template),
      });
    };
    // All of it is ours, and may be told to anybody.
    if (!hasSource(plan)) {
      tell(copies.told({ namespace, plan, source: { data: {} } }));
      return;
    }
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
    tell(toldOf.told({ namespace, plan, source }));
  };
}

/** The same, without words of the source. */
function inPlaces(copies: Pick<PatchedCopies, 'told'>): Pick<PatchedCopies, 'told'> {
  const known = new WeakMap<ToldPatch, ToldPatch>();
  return {
    told: (question) => {
      const { namespace, plan } = question;
      const source = { name: `ConfigMap ${namespace}/${plan.source}`, contents: question.source };
      try {
        const inWords = copies.told(question);
        const found = known.get(inWords) ?? placesOf(inWords, source);
        known.set(inWords, found);
        return found;
      } catch (thrown) {
        throw thrown instanceof AppError ? refusalAt(thrown, source) : thrown;
      }
    },
  };
}

function refusalAt({ code, reason, facts }: AppError, source: ToldSource): AppError {
  const why = toldRefusal(reason) ?? 'this Envoy configuration cannot be patched';
  const message = `${placeIn(facts, source)}: ${why}; ${wordsElsewhere}`;
  return new AppError(code, message, { reason, facts });
}

function placesOf({ warnings, changes, inbound }: ToldPatch, source: ToldSource): ToldPatch {
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
