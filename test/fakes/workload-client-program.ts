/**
 * Our client of the Workload API as a program, so that tests can run it on any runtime. Each line of its input is one
 * {@link Ask}; each line of its output says what came of one. Asks of one address share a connection.
 */
import { createInterface } from 'node:readline';
import type { WorkloadApi } from '../../sidecar/workload-api/api.ts';
import { openWorkloadApi } from '../../sidecar/workload-api/client.ts';
import type { ChannelLimits } from '../../sidecar/workload-api/grpc-channel.ts';

export interface Ask {
  readonly id: number;
  readonly address: string;
  readonly call: 'fetch' | 'watch' | 'cancel' | 'close';
  readonly deadlineMs?: number;
  /** Of the address' first ask. */
  readonly limits?: Partial<ChannelLimits>;
}

export interface Said {
  readonly id: number;
  /** `end` comes last. */
  readonly what: 'message' | 'end';
  readonly value: unknown;
}

const apis = new Map<string, WorkloadApi>();
const cancels = new Map<number, () => void>();

function say(said: Said): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

function apiAt({ address, limits }: Ask): WorkloadApi {
  const api = apis.get(address) ?? openWorkloadApi(address, limits);
  apis.set(address, api);
  return api;
}

function watch(ask: Ask): void {
  const { id } = ask;
  const cancel = apiAt(ask).watchJwtBundles({
    onMessage: (bundles) => {
      const value = [...bundles].map(([domain, document]) => [domain, document.length]);
      say({ id, what: 'message', value });
    },
    onEnd: (failure) => {
      say({ id, what: 'end', value: failure });
    },
  });
  cancels.set(id, cancel);
}

function fetchOnce(ask: Ask): void {
  const { id, deadlineMs = 5_000 } = ask;
  const stop = new AbortController();
  cancels.set(id, () => {
    stop.abort();
  });
  void apiAt(ask)
    .fetchJwtSvids({ audiences: ['backend'] }, { deadlineMs, signal: stop.signal })
    .then((outcome) => {
      say({ id, what: 'end', value: outcome.kind === 'done' ? outcome : outcome.failure });
    });
}

createInterface(process.stdin).on('line', (line) => {
  // Written by a test.
  const ask = JSON.parse(line) as Ask;
  if (ask.call === 'watch') watch(ask);
  else if (ask.call === 'fetch') fetchOnce(ask);
  else if (ask.call === 'cancel') cancels.get(ask.id)?.();
  else apis.get(ask.address)?.close();
});
