/** A listener as it matters here: every way that a request can take through it, down to each list of HTTP filters. */
import type { ConfigFile } from './config-file.ts';
import type { Placed } from './proto-field.ts';

/** A message in one of the files. */
export interface PlacedIn extends Placed {
  readonly file: ConfigFile;
}

/** A part that gets no filter, or cannot be seen: what comes this way counts as open. */
export interface Gap {
  readonly file: ConfigFile;
  readonly path: string;
  /** `filter chain 2 ends with …`: a clause. */
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
}

export interface Listener extends PlacedIn {
  readonly name: string | undefined;
  /** `Listener.traffic_direction`; undefined when unspecified. */
  readonly direction: 'inbound' | 'outbound' | undefined;
  readonly managers: readonly Manager[];
  readonly gaps: readonly Gap[];
}

/** An `HttpConnectionManager`: its message stands where its fields do, also inside a wrapper. */
export interface Manager extends PlacedIn {
  /** Every list that a request of this manager can run through; each ends with a terminal filter. */
  readonly lists: readonly FilterList[];
  /** Route configurations that can be read, inline and in files of the same ConfigMap. */
  readonly routes: readonly PlacedIn[];
  /** Where routes come from that cannot be read. */
  readonly unseenRoutes: readonly Gap[];
}

export interface FilterList {
  /** JSON Pointer of the list. */
  readonly path: string;
  /** `http_filters`, `the filters of the upgrade websocket`. */
  readonly title: string;
  /** Its `HttpFilter`s, in order; at least one. */
  readonly filters: readonly Placed[];
}

/** How a listener is called in messages. */
export function titleOf(listener: Pick<Listener, 'name' | 'path'>): string {
  return listener.name === undefined ? `without a name (${listener.path})` : `"${listener.name}"`;
}
