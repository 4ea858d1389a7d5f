/** What routes, or something around them, have a filter run that runs others. */
import { type Json, type JsonObject, isArray, isObject } from '#kernel/json.ts';
import { type TypedMessage, anyOf } from './any-config.ts';
import { holderRouteTypes } from './http-filters.ts';
import { type Judgement, judgeHolder } from './judge-filter.ts';
import { type Placed, fieldOf } from './proto-field.ts';

/** By the filter's name: what such filters do, one of each effect. */
export type RouteChoices = ReadonlyMap<string, readonly Judgement[]>;

export function choicesIn(configurations: readonly Placed[]): RouteChoices {
  const chosen = new Map<string, TypedMessage[]>();
  const rest: Json[] = configurations.map(({ message }) => message).reverse();
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (isObject(next)) addChoices(next, chosen);
    const members = isArray(next) ? next : isObject(next) ? Object.values(next) : [];
    for (let at = members.length - 1; at >= 0; at -= 1) rest.push(members[at] ?? null);
  }
  return new Map([...chosen].map(([name, configs]) => [name, judgeHolder(...configs)]));
}

/** @param chosen filled */
function addChoices(message: JsonObject, chosen: Map<string, TypedMessage[]>): void {
  const settings = fieldOf(message, 'typed_per_filter_config');
  if (!isObject(settings)) return;
  for (const [name, own] of Object.entries(settings)) {
    const found = isObject(own) ? choiceIn(own) : undefined;
    if (found === undefined) continue;
    const before = chosen.get(name);
    if (before === undefined) chosen.set(name, [found]);
    else before.push(found);
  }
}

/** A `FilterConfig` holds the settings proper. */
function choiceIn(settings: JsonObject): TypedMessage | undefined {
  let inner: Json | undefined = settings;
  while (isObject(inner)) {
    const any: TypedMessage = anyOf({ message: inner, path: '' });
    if (any.type !== undefined && holderRouteTypes.has(any.type)) return any;
    inner = any.message['config'];
  }
  return undefined;
}
