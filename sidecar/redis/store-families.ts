/** Numbers about stores of bans. */
import type { MetricFamily, MetricSample } from '#kernel/observe.ts';
import type { MirrorState } from './mirror.ts';

export interface StateOfStore {
  readonly labels: Readonly<Record<'store' | 'prefix', string>>;
  readonly state: MirrorState;
}

type Value = (state: MirrorState) => number | boolean;
/** Name, help, and what it is. */
type Figure = readonly [string, string, Value];

/** What lists in files have, too: name and help. */
export interface ListGauges {
  readonly bans: readonly [string, string];
  readonly loadedAt: readonly [string, string];
  readonly age: readonly [string, string];
}

const figures: readonly Figure[] = [
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

export function storeFamilies(
  stores: readonly StateOfStore[],
  { bans, loadedAt, age }: ListGauges,
): readonly MetricFamily[] {
  if (stores.length === 0) return [];
  const shared: readonly Figure[] = [
    [...bans, (state) => state.bans],
    [...loadedAt, (state) => state.loadedAtS],
    [...age, (state) => state.ageS],
  ];
  return [
    ...[...shared, ...figures].map(([name, help, valueOf]) => ({
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
