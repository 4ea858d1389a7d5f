/** Requests that reach a filter a second time: by a redirect that Envoy follows itself, or by a listener behind a listener. */
import { type Json, isArray, isObject } from '#kernel/json.ts';
import { typeNameOf, placedField } from './proto-field.ts';
import { isOneOf, numberOf } from './proto-scalar.ts';
import { invalid, lineIn } from './config-file.ts';
import type { FilterAddition } from './patch-contract.ts';
import { type Listener, type Manager, titleOf } from './listener.ts';
import { type EnvoySurroundings, routesOf } from './reach.ts';
import type { RouteEntry } from './route-tree.ts';

/**
 * For filters that would mistake their own work for the client's.
 * @param chosen the listeners that get the filter
 * @throws {AppError} ENVOY_CONFIG_INVALID
 */
export function refuseRepeats(
  addition: FilterAddition,
  chosen: readonly Listener[],
  surroundings: EnvoySurroundings,
): void {
  if (addition.onceOnly !== true) return;
  const seen = new Set<object>();
  const isChosen = new Set(chosen);
  for (const listener of chosen) {
    for (const manager of listener.managers) refuseRedirects(addition, manager, seen);
    refuseMeetings(addition, listener, { surroundings, isChosen });
  }
}

const because =
  'the second time it would mistake its own work for that of the client, and refuse the request or let the token go where it is not meant to';

/** What else helps, as the end of a list of remedies. */
function orElse({ advice }: FilterAddition): string {
  return advice?.repeat === undefined ? '' : `, or ${advice.repeat}`;
}

/** @param seen routes, and messages, that managers share and that were visited; filled */
function refuseRedirects(addition: FilterAddition, manager: Manager, seen: Set<object>): void {
  const { rule } = addition;
  const fresh = manager.routes.filter((source) => !seen.has(source));
  for (const source of fresh) seen.add(source);
  const route = fresh.flatMap(({ routes }) => routes).find(followsRedirects);
  if (route !== undefined) {
    throw invalid(route.file, route.action?.path ?? route.path, {
      reason: 'redirect_within_envoy',
      why: `this route follows redirects itself (internal_redirect_policy), so that a request reaches the filter of ${rule} again: ${because}; remove the policy${orElse(addition)}`,
    });
  }
  for (const place of [manager, ...fresh.flatMap(({ configurations }) => configurations)]) {
    if (seen.has(place.message)) continue;
    seen.add(place.message);
    if (!mentions(place.message, redirectPolicy)) continue;
    throw invalid(place.file, place.path, {
      reason: 'redirect_within_envoy',
      why: `a custom_response redirects requests within Envoy, so that a request reaches the filter of ${rule} again: ${because}; remove the redirect_policy${orElse(addition)}`,
    });
  }
}

const redirectPolicy = 'envoy.extensions.http.custom_response.redirect_policy.v3.RedirectPolicy';

function mentions(value: Json, type: string): boolean {
  if (isArray(value)) return value.some((one) => mentions(one, type));
  if (!isObject(value)) return false;
  if (typeNameOf(value) === type) return true;
  return Object.values(value).some((member) => mentions(member ?? null, type));
}

/** Of RouteAction.InternalRedirectAction. */
const followed = [{ name: 'HANDLE_INTERNAL_REDIRECT', number: 1 }];

function followsRedirects({ action }: RouteEntry): boolean {
  if (action === undefined) return false;
  const policy = placedField(action, 'internal_redirect_policy');
  if (policy !== undefined) return numberOf(policy.message, 'max_internal_redirects') !== 0;
  return isOneOf(action.message, 'internal_redirect_action', followed);
}

function refuseMeetings(
  addition: FilterAddition,
  listener: Listener,
  {
    surroundings,
    isChosen,
  }: { readonly surroundings: EnvoySurroundings; readonly isChosen: ReadonlySet<Listener> },
): void {
  const start = routesOf(listener).map(({ destinations }) => destinations);
  const meeting = surroundings.reachOf(start).meetings.find((one) => isChosen.has(one.listener));
  if (meeting === undefined) return;
  const { via } = meeting;
  const { rule, direction } = addition;
  const key = direction === 'inbound' ? 'validate-listeners' : 'inject-listeners';
  throw invalid(via.file, via.path, {
    reason: 'listener_behind_listener',
    why: `by cluster "${via.name}" requests of listener ${titleOf(listener)} (${lineIn(listener.file, listener.path)}) come to listener ${titleOf(meeting.listener)} of the same Envoy, so that both have the filter of ${rule}: ${because}; name one of the two in svidecar.dev/${key}${orElse(addition)}`,
  });
}
