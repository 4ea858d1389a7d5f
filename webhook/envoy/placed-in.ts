/** Places in the files of a configuration. */
import type { ConfigFile } from './config-file.ts';
import type { Placed } from './proto-field.ts';

/** A message in one of the files. */
export interface PlacedIn extends Placed {
  readonly file: ConfigFile;
}

/** A part that gets no filter, or cannot be seen: requests this way count as unchecked. */
export interface Gap {
  readonly file: ConfigFile;
  readonly path: string;
  /** `filter chain 2 ends with …`: a clause. */
  readonly what: string;
  /** What to do about it. */
  readonly remedy: string;
}
