/** What `/metrics` shows of the conversation with SPIRE's server. */
import type { ErrorCode } from '#kernel/errors.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { RegistrationCounts } from './registration-loop.ts';

export class SpireCalls {
  readonly #counts = new Map<
    string,
    { readonly call: string; readonly result: string; count: number }
  >();

  /** @see CallObserver */
  readonly observe = (call: string, result: 'ok' | ErrorCode): void => {
    const key = `${call} ${result}`;
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { call, result, count: 1 });
    else known.count += 1;
  };

  samples(): MetricFamily['samples'] {
    return [...this.#counts.values()].map(({ call, result, count }) => ({
      labels: { call, result },
      value: count,
    }));
  }
}

export interface RegistrationState {
  readonly isLeader: boolean;
  /** Undefined while it is not known what is there. */
  readonly counts: RegistrationCounts | undefined;
  readonly writes: Readonly<Record<string, number>>;
  readonly lastSuccessMs: number | undefined;
  readonly calls: SpireCalls;
}

/** Only whoever leads knows how many entries there are. */
export function registrationMetrics(state: RegistrationState): readonly MetricFamily[] {
  return [...entryMetrics(state), ...callMetrics(state)];
}

function by(label: string, values: Readonly<Record<string, number>>): MetricFamily['samples'] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function entryMetrics({ isLeader, counts, writes }: RegistrationState): readonly MetricFamily[] {
  return [
    {
      name: 'svidecar_spire_leader',
      help: 'Whether this replica is the one that writes to SPIRE.',
      type: 'gauge',
      samples: [{ labels: {}, value: isLeader ? 1 : 0 }],
    },
    {
      name: 'svidecar_registrations',
      help: "Entries (with registration: clusterspiffeid, objects) that workloads want: registered, awaited, made by others (foreign); and those that none wants any more (unwanted). The leader's alone, once it knows what is there.",
      type: 'gauge',
      samples: isLeader ? by('state', { ...counts }) : [],
    },
    {
      name: 'svidecar_registration_writes_total',
      help: 'Entries (or objects) created, updated and deleted, and entries that SPIRE refused.',
      type: 'counter',
      samples: by('outcome', writes),
    },
  ];
}

function callMetrics({
  isLeader,
  lastSuccessMs,
  calls,
}: RegistrationState): readonly MetricFamily[] {
  return [
    {
      name: 'svidecar_spire_calls_total',
      help: "Calls to SPIRE's server; result is ok, or the error code.",
      type: 'counter',
      samples: calls.samples(),
    },
    {
      name: 'svidecar_spire_last_success_timestamp_seconds',
      help: "When the registrations, and the federation relationships, were last known to be as they should, in Unix seconds; 0: not yet. The leader's alone.",
      type: 'gauge',
      samples: isLeader ? [{ labels: {}, value: (lastSuccessMs ?? 0) / 1000 }] : [],
    },
  ];
}
