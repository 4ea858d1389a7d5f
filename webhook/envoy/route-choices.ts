/** What routes, or levels around them, make a filter run that runs others. */
import { type Json, type JsonObject, isObject } from '#kernel/json.ts';
import { type TypedMessage, anyOf } from './any-config.ts';
import { holderRouteTypes } from './http-filters.ts';
import { type Judgement, judgeHolder } from './judge-filter.ts';
import type { RouteSetting } from './route-settings.ts';

/** By the filter's name: what such filters do, one of each effect. */
export type RouteChoices = ReadonlyMap<string, readonly Judgement[]>;

export function choicesIn(
  settings: readonly Pick<RouteSetting, 'name' | 'message'>[],
): RouteChoices {
  const chosen = settings.flatMap(({ name, message }) => {
    const config = choiceIn(message);
    return config === undefined ? [] : [{ name, config }];
  });
  const byName = [...Map.groupBy(chosen, ({ name }) => name)];
  return new Map(
    byName.map(([name, all]) => [name, judgeHolder(...all.map(({ config }) => config))]),
  );
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
