/** Numbers about lists of bans: those in files and those in stores share names. */
import type { MetricFamily } from '#kernel/observe.ts';

/** One family for each name: a page that says a name twice is refused. */
export function mergedFamilies(families: readonly MetricFamily[]): readonly MetricFamily[] {
  const byName = Map.groupBy(families, ({ name }) => name);
  return [...byName.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const samples = [first, ...others].flatMap((family) => family.samples);
    return [{ ...first, samples }];
  });
}

/** What each list has: name and help. */
export const listGauges = {
  bans: ['svidecar_bans', 'Values on the list of bans.'],
  loadedAt: [
    'svidecar_ban_list_loaded_timestamp_seconds',
    'When the list of bans in force was read; 0 before the first.',
  ],
  age: [
    'svidecar_ban_list_age_seconds',
    'Seconds since the list of bans was known to be what the store, or the file, holds; 0 while it is.',
  ],
} as const;
