/** Routes that name the audience of their own tokens: what one of them sends is of no use to whom the others lead to. */
import { isObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { onceFor } from '#kernel/once.ts';
import type { FilterAddition } from './patch-contract.ts';
import { type Placed, messageOf, textOf } from './proto-field.ts';
import type { EnvoySurroundings } from './reach.ts';
import { extensionIn } from './route-settings.ts';
import type { RouteSource } from './route-sources.ts';
import type { Destination, RouteEntry } from './route-tree.ts';

/** Of a source of routes, where tokens of the rule's one audience go. */
export type SharedAudience = (source: RouteSource) => readonly Destination[];

/** Works each source out once. */
export function startAudiences(
  addition: FilterAddition,
  { reachOf }: Pick<EnvoySurroundings, 'reachOf'>,
): SharedAudience {
  return onceFor((source) => {
    const groups = Map.groupBy(source.routes, (route) => audienceOf(route, addition));
    const others = groups.get(undefined) ?? [];
    if (others.length === source.routes.length) return source.destinations;
    const ofRoutes = new Set(source.routes.flatMap(({ destinations }) => destinations));
    // What gets copies of all requests gets tokens of all audiences.
    if (ofRoutes.size < source.destinations.length) return source.destinations;
    groups.delete(undefined);
    const ends = [...groups.values()].map((routes) =>
      reachOf(routes.map(({ destinations }) => destinations)),
    );
    return ends.every(({ clusters }) => clusters.length < 2)
      ? others.flatMap(({ destinations }) => destinations)
      : source.destinations;
  });
}

/** Its own; undefined where it has the rule's, or where anything but a single cluster is behind it, which is not looked into. */
function audienceOf(route: RouteEntry, { routes, filter }: FilterAddition): string | undefined {
  const name = filter['name'];
  if (routes?.audience === undefined || typeof name !== 'string') return undefined;
  if (route.action === undefined || textOf(route.action.message, 'cluster') === undefined)
    return undefined;
  const setting = settingOf(route, name);
  const audience = setting === undefined ? undefined : extensionIn(setting, routes.audience);
  return typeof audience === 'string' ? audience : undefined;
}

function settingOf(route: Placed, name: string): Placed | undefined {
  const setting = own(messageOf(route.message, 'typed_per_filter_config'), name);
  return isObject(setting) ? { message: setting, path: route.path } : undefined;
}
