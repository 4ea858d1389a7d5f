/** Always the newest state of one of the X.509 streams, from memory. */
import type { Watch, WorkloadApi, X509Bundles, X509Svids } from './api.ts';
import { Listeners } from './listeners.ts';
import { StreamKeeper, type SourceContext } from './stream-keeper.ts';

/** The newest complete state of a stream. */
export interface LatestSource<T> {
  /** Resolves with the first state; never rejects. */
  readonly ready: Promise<void>;
  /** Undefined before the first message; afterwards the last one, also while the agent is away. */
  current(): T | undefined;
  problem(): string | undefined;
  /** Calls back after each message; returns how to stop. */
  onChange(listener: () => void): () => void;
  start(signal?: AbortSignal): void;
  close(): void;
}

interface Options extends SourceContext {
  readonly api: WorkloadApi;
}

/** X.509-SVIDs with their keys, and the bundles of federated trust domains. */
export function x509SvidSource(options: Options): LatestSource<X509Svids> {
  return latest(options, options.api.watchX509Svids, 'X.509-SVID');
}

/** CA certificates by trust domain, without an SVID. */
export function x509BundleSource(options: Options): LatestSource<X509Bundles> {
  return latest(options, options.api.watchX509Bundles, 'X.509 bundle');
}

function latest<T>(options: Options, watch: Watch<T>, wanted: string): LatestSource<T> {
  const listeners = new Listeners();
  const ready = Promise.withResolvers<undefined>();
  let state: T | undefined;
  const keeper = new StreamKeeper<T>({
    timers: options.timers,
    random: options.random,
    address: options.api.address,
    wanted,
    watch,
    onMessage: (message) => {
      state = message;
      ready.resolve(undefined);
      listeners.call();
    },
  });
  return {
    ready: ready.promise,
    current: () => state,
    problem: () => keeper.problem(),
    onChange: (listener) => listeners.add(listener),
    start: (signal) => {
      keeper.start(signal);
    },
    close: () => {
      keeper.close();
    },
  };
}
