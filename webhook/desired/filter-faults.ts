/** What of a stored EnvoyFilter is not as it should be. */
import {
  isArray,
  isObject,
  objectAt,
  sameJson,
  stringAt,
  type Json,
  type JsonObject,
} from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { isEnvoyFilterName } from '../istio/istio-plan.ts';
import { isManaged, type DesiredEnvoyFilter } from './desired.ts';

export type FilterFault =
  | { readonly kind: 'missing' }
  /** Somebody else has its name. */
  | { readonly kind: 'foreign' }
  | {
      readonly kind: 'differs';
      /** The first field, such as `spec.configPatches[1].patch.operation`. */
      readonly at: string;
    };

/** Whether it is one of ours, or in the place of one. */
export function couldBeOurFilter(filter: JsonObject): boolean {
  const metadata = objectAt(filter, 'metadata');
  return isEnvoyFilterName(stringAt(metadata, 'name') ?? '') || isOurFilter(filter);
}

export function isOurFilter(filter: JsonObject): boolean {
  return isManaged(objectAt(objectAt(filter, 'metadata'), 'labels'));
}

/** Undefined where all is well. */
export function filterFault(
  { spec }: Pick<DesiredEnvoyFilter, 'spec'>,
  there: JsonObject | undefined,
): FilterFault | undefined {
  if (there === undefined) return { kind: 'missing' };
  if (!isOurFilter(there)) return { kind: 'foreign' };
  const at = firstDifference(spec, own(there, 'spec'), 'spec');
  return at === undefined ? undefined : { kind: 'differs', at };
}

function firstDifference(
  wanted: Json | undefined,
  there: Json | undefined,
  place: string,
): string | undefined {
  if (sameJson(wanted, there)) return undefined;
  for (const [step, one, other] of partsOf(wanted, there)) {
    const found = firstDifference(one, other, place + step);
    if (found !== undefined) return found;
  }
  return place;
}

type Part = readonly [step: string, wanted: Json | undefined, there: Json | undefined];

/** None where they are not both objects or both lists. */
function partsOf(wanted: Json | undefined, there: Json | undefined): readonly Part[] {
  if (isArray(wanted) && isArray(there)) {
    const longer = wanted.length < there.length ? there : wanted;
    return longer.map((_, at): Part => [`[${at}]`, wanted[at], there[at]]);
  }
  if (!isObject(wanted) || !isObject(there)) return [];
  const keys = new Set([...Object.keys(wanted), ...Object.keys(there)]);
  return [...keys].map((key): Part => [`.${key}`, own(wanted, key), own(there, key)]);
}
