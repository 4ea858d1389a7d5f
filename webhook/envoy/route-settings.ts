/** Settings of single routes for the `ext_authz` filter, which are lost where another filter does its work. */
import { isArray, isObject, type Json } from '#kernel/json.ts';
import { invalid } from './config-file.ts';
import type { FilterAddition } from './contract.ts';
import type { Manager } from './listener.ts';
import { fieldOf, messageOf, placedField, textOf } from './proto-field.ts';

/** The name under which routes set something for the filter that is added in the data path ext-authz. */
const authzName = 'envoy.filters.http.ext_authz';

/**
 * A route that was to be skipped, or to have another audience, must not be treated as all others in silence.
 * @throws {AppError} ENVOY_CONFIG_INVALID
 */
export function refuseRouteSettings({ rule, filter }: FilterAddition, manager: Manager): void {
  const names = [
    filter,
    ...manager.lists.flatMap(({ filters }) => filters.map(({ message }) => message)),
  ];
  if (names.some((one) => textOf(one, 'name') === authzName)) return;
  const routes = placedField(manager, 'route_config');
  if (routes === undefined || !hasSettings(routes.message)) return;
  throw invalid(
    manager.file,
    routes.path,
    `a route sets something for ${authzName} (typed_per_filter_config), which ${rule} does not add in this data path, so that the route would be treated as all others; take the setting out, or choose the data path ext-authz`,
  );
}

function hasSettings(value: Json): boolean {
  if (isArray(value)) return value.some(hasSettings);
  if (!isObject(value)) return false;
  if (fieldOf(messageOf(value, 'typed_per_filter_config'), authzName) !== undefined) return true;
  return Object.values(value).some((member) => hasSettings(member ?? null));
}
