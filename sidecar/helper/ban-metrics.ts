/** Numbers about lists of bans: those in files and those in stores share names. */
import type { MetricFamily, MetricSample } from '#kernel/observe.ts';
import type { MirrorState } from '../redis/mirror.ts';

/** One family for each name: a page that says a name twice is refused. */
export function mergedFamilies(families: readonly MetricFamily[]): readonly MetricFamily[] {
  const byName = Map.groupBy(families, ({ name }) => name);
  return [...byName.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const samples = [first, ...others].flatMap((family) => family.samples);
    return [{ ...first, samples }];
  });
}

export interface StoreLabels extends Readonly<Record<string, string>> {
  readonly store: string;
  readonly prefix: string;
}

export interface StateOfStore {
  readonly labels: StoreLabels;
  readonly state: MirrorState;
}

/** What each list has: name and help. */
export const listGauges = {
  bans: ['svidecar_bans', 'Values on the list of bans.'],
  loadedAt: [
    'svidecar_ban_list_loaded_timestamp_seconds',
    'When the list of bans in force was read; 0 before the first.',
  ],
} as const;

type Value = (state: MirrorState) => number | boolean;
/** Name, help, and what it is. */
const numbers: readonly (readonly [string, string, Value])[] = [
  [...listGauges.bans, ({ bans }) => bans],
  [...listGauges.loadedAt, ({ loadedAtS }) => loadedAtS],
  [
    'svidecar_ban_list_age_seconds',
    'Seconds since the list of bans was known to be what the store holds; 0 while it is.',
    ({ ageS }) => ageS,
  ],
  [
    'svidecar_ban_list_in_memory',
    'Whether the whole list is held in memory; if not, bans are looked up.',
    ({ isWhole }) => isWhole,
  ],
  [
    'svidecar_ban_store_connected',
    'Whether the store of bans is reached, and tells of changes.',
    ({ isConnected }) => isConnected,
  ],
  [
    'svidecar_ban_store_emptied',
    'Whether bans are in force that the store has lost all at once.',
    ({ hasLostAll }) => hasLostAll,
  ],
  [
    'svidecar_ban_records_refused_total',
    'Records read from the store that are wrong and ban nobody.',
    ({ refusedRecords }) => refusedRecords,
  ],
];

export function storeFamilies(stores: readonly StateOfStore[]): readonly MetricFamily[] {
  if (stores.length === 0) return [];
  return [
    ...numbers.map(([name, help, valueOf]) => ({
      name,
      help,
      type: name.endsWith('_total') ? ('counter' as const) : ('gauge' as const),
      samples: stores.map(({ labels, state }) => ({ labels, value: Number(valueOf(state)) })),
    })),
    {
      name: 'svidecar_ban_lookups_total',
      help: 'Values looked up, by result: kept from before, asked for; and questions to the store that brought nothing.',
      type: 'counter',
      samples: stores.flatMap(lookupSamples),
    },
  ];
}

function lookupSamples({ labels, state }: StateOfStore): readonly MetricSample[] {
  return Object.entries(state.lookups).map(([result, value]) => ({
    labels: { ...labels, result },
    value,
  }));
}
