/**
 * SPIRE's server over gRPC. Load this file only where SPIRE is asked: gRPC is a large library.
 * @see spire.api.server.entry.v1, spire.api.server.bundle.v1, spire.api.server.trustdomain.v1, spire.api.server.agent.v1
 */
import { openWorkloadApi } from '../../sidecar/workload-api/client.ts';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import type { SourceContext } from '../../sidecar/workload-api/stream-keeper.ts';
import { x509SvidSource } from '../../sidecar/workload-api/x509-source.ts';
import { parseSpireAddress } from '../request/spire-address.ts';
import { SpireCaller } from './spire-caller.ts';
import { SocketConnection, TlsConnection, type SpireConnection } from './spire-connection.ts';
import { entryCalls } from './spire-entries.ts';
import { federationCalls } from './spire-federation.ts';
import type { CallObserver, SpireServerApi } from './spire-server-api.ts';

/** Default: the machine's clock, and its chance. */
export interface OpenSpireOptions extends Partial<SourceContext> {
  /** `unix:///path` or `host:port`. */
  readonly address: string;
  /** Workload API that gives the X.509-SVID; only asked with `host:port`. */
  readonly workloadApi: string;
  /** Which of several identities asks; default: the one with the hint `svidecar-admin`, or else the first. */
  readonly spiffeId?: string | undefined;
  /** Milliseconds for each call (default 15,000). */
  readonly deadlineMs?: number | undefined;
  /** Items of a page of a list (default 1,000). */
  readonly pageSize?: number | undefined;
  /** Items: a list that is longer fails (default 100,000). */
  readonly maxItems?: number | undefined;
  readonly observe?: CallObserver | undefined;
}

/** Connects on the first call. @throws {AppError} CONFIG_INVALID when an address is none */
export function openSpireServer(options: OpenSpireOptions): SpireServerApi {
  const { address, deadlineMs = 15_000, pageSize = 1_000, maxItems = 100_000 } = options;
  const connection = connectionFor(options);
  const observe = options.observe ?? ((): void => undefined);
  const caller = new SpireCaller({ address, connection, deadlineMs, observe });
  const site = { caller, pageSize, maxItems };
  return {
    address,
    ...entryCalls(site),
    ...federationCalls(site),
    close: () => {
      connection.close();
    },
  };
}

function connectionFor(options: OpenSpireOptions): SpireConnection {
  const { address, workloadApi, spiffeId, timers = systemTimers, random = Math.random } = options;
  const { kind, target } = parseSpireAddress(address);
  if (kind === 'socket') return new SocketConnection(target);
  const api = openWorkloadApi(workloadApi);
  return new TlsConnection({ target, svids: x509SvidSource({ api, timers, random }), spiffeId });
}
