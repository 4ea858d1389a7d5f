/** The relevant parts of a listener: every way that a request can take through it, down to each list of HTTP filters. */
import type { Gap, PlacedIn } from './placed-in.ts';
import type { Placed } from './proto-field.ts';
import type { RouteSource } from './route-sources.ts';

export interface Listener extends PlacedIn {
  readonly name: string | undefined;
  /** `Listener.traffic_direction`; undefined when unspecified. */
  readonly direction: 'inbound' | 'outbound' | undefined;
  readonly managers: readonly Manager[];
  readonly gaps: readonly Gap[];
}

/** An `HttpConnectionManager`: its message is where its fields are, also inside a wrapper. */
export interface Manager extends PlacedIn {
  /** Every list that a request of this manager can run through; each ends with a terminal filter. */
  readonly lists: readonly FilterList[];
  /** JSON Pointer of its filter chain; undefined for that of an `api_listener`. */
  readonly chain: string | undefined;
  /** Its own routes, and the places outside that it names: a few, however many routes there are. */
  readonly routes: readonly RouteSource[];
}

export interface FilterList {
  /** JSON Pointer of the list. */
  readonly path: string;
  /** `http_filters`, `the filters of the upgrade websocket`. */
  readonly title: string;
  /** Its `HttpFilter`s, in order; at least one. */
  readonly filters: readonly Placed[];
}

/** The name of a listener in messages. */
export function titleOf(listener: Pick<Listener, 'name' | 'path'>): string {
  return listener.name === undefined ? `without a name (${listener.path})` : `"${listener.name}"`;
}
