/** The Workload API over gRPC: one channel, calls that end in values, streams that end once. */
import {
  credentials,
  Metadata,
  status,
  type ClientReadableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { SpiffeWorkloadAPIClient, type JWTSVID, type X509SVID } from '../gen/workload.ts';
import { parseWorkloadApiAddress } from './address.ts';
import type {
  CallOptions,
  JwtSvid,
  JwtSvidRequest,
  Observer,
  CallOutcome,
  Watch,
  WorkloadApi,
  X509Svid,
} from './api.ts';
import { failureOf } from './failure.ts';

const channelOptions = {
  // Nobody looks at it, and it costs memory with every call.
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // A Unix socket is cheap to try; the sources decide how often to call.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

/** Every call must carry it: a request forged through a confused web server would not. */
function securityMetadata(): Metadata {
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  return metadata;
}

/**
 * Connects on the first call; a socket that is not there yet is a failed call, not an error here.
 * @param address `unix:///path` or `tcp://ip:port`
 * @throws {AppError} CONFIG_INVALID when the address is none
 */
export function openWorkloadApi(address: string): WorkloadApi {
  const client = new SpiffeWorkloadAPIClient(
    parseWorkloadApiAddress(address),
    credentials.createInsecure(),
    channelOptions,
  );
  return {
    address,
    fetchJwtSvids: (request, options) => fetchJwtSvids(client, request, options),
    watchJwtBundles: watch(
      () => client.fetchJwtBundles({}, securityMetadata()),
      ({ bundles }) => new Map(Object.entries(bundles)),
    ),
    watchX509Svids: watch(
      () => client.fetchX509Svid({}, securityMetadata()),
      ({ svids, federatedBundles }) => ({
        svids: svids.map(x509SvidOf),
        federatedBundles: new Map(Object.entries(federatedBundles)),
      }),
    ),
    watchX509Bundles: watch(
      () => client.fetchX509Bundles({}, securityMetadata()),
      ({ bundles }) => new Map(Object.entries(bundles)),
    ),
    close: () => {
      client.close();
    },
  };
}

function fetchJwtSvids(
  client: SpiffeWorkloadAPIClient,
  request: JwtSvidRequest,
  { deadlineMs, signal }: CallOptions,
): Promise<CallOutcome<readonly JwtSvid[]>> {
  return new Promise((resolve) => {
    const call = client.fetchJwtsvid(
      { audience: request.audiences, spiffeId: request.spiffeId ?? '' },
      securityMetadata(),
      { deadline: Date.now() + deadlineMs },
      (fault, response) => {
        signal?.removeEventListener('abort', cancel);
        if (fault === null) resolve({ kind: 'done', value: response.svids.map(jwtSvidOf) });
        else resolve({ kind: 'failed', failure: failureOf(fault.code, fault.details) });
      },
    );
    const cancel = (): void => {
      call.cancel();
    };
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

function jwtSvidOf({ spiffeId, svid, hint }: JWTSVID): JwtSvid {
  return { spiffeId, token: svid, hint };
}

function x509SvidOf({ spiffeId, x509Svid, x509SvidKey, bundle, hint }: X509SVID): X509Svid {
  return { spiffeId, certificates: x509Svid, privateKey: x509SvidKey, bundle, hint };
}

function watch<M, T>(open: () => ClientReadableStream<M>, read: (message: M) => T): Watch<T> {
  return (observer: Observer<T>) => {
    const stream = open();
    let isOver = false;
    const end = (code: number, details: string): void => {
      if (isOver) return;
      isOver = true;
      observer.onEnd(failureOf(code, details));
    };
    stream.on('data', (message: M) => {
      if (!isOver) observer.onMessage(read(message));
    });
    stream.on('error', (fault: ServiceError) => {
      end(fault.code, fault.details);
    });
    // An orderly end is an end as well: the API streams for as long as it lives.
    stream.on('end', () => {
      end(status.UNAVAILABLE, 'the agent ended the stream');
    });
    return () => {
      isOver = true;
      stream.cancel();
    };
  };
}
