/** What a route's `context_extensions` change about a rule: its audience, or that it is skipped; never its kind. */
import { routeAudienceKey, routeSkipKey } from '../config/helper-contract.ts';
import type { CheckView } from './read-check.ts';

export type RouteSettings =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'skip' }
  | { readonly kind: 'audience'; readonly audience: string }
  /** A key or value that is not known: a misspelt skip or audience must not pass in silence. */
  | { readonly kind: 'invalid' };

/** As in the settings. */
const maxAudienceLength = 512;
const unchanged: RouteSettings = { kind: 'unchanged' };
const invalid: RouteSettings = { kind: 'invalid' };

export function routeSettings(route: CheckView['route']): RouteSettings {
  let found = unchanged;
  for (const [key, value] of route) {
    const read = readOne(key, value);
    if (read.kind === 'invalid') return read;
    if (read.kind === 'skip' || found.kind === 'unchanged') found = read;
  }
  return found;
}

function readOne(key: string, value: string): RouteSettings {
  if (key === routeSkipKey) {
    if (value === 'true') return { kind: 'skip' };
    return value === 'false' ? unchanged : invalid;
  }
  if (key !== routeAudienceKey || value === '' || value.length > maxAudienceLength) return invalid;
  return { kind: 'audience', audience: value };
}
