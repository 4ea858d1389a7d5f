/** What the service has from the Workload API: keys of callers' tokens, its own certificate, authorities of theirs. */
import type { WorkloadApi } from '../../sidecar/workload-api/api.ts';
import { JwtBundleSource } from '../../sidecar/workload-api/bundle-source.ts';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import { x509SvidSource } from '../../sidecar/workload-api/x509-source.ts';
import type { ServiceSettings } from '../service/service-settings.ts';
import { PeerCallers } from './peer-callers.ts';
import type { CallerBundles } from './token-callers.ts';

export interface SvidSources {
  /** Undefined where no caller shows tokens. */
  readonly bundles: CallerBundles | undefined;
  /** Undefined where no listener has an X.509-SVID. */
  readonly peers: PeerCallers | undefined;
  /** What is still missing, in words; empty: nothing. */
  missing(): readonly string[];
  close(): void;
}

/** Asks from now on. @throws {AppError} CONFIG_INVALID when the address is none */
export async function openSvidSources(settings: ServiceSettings): Promise<SvidSources> {
  const { callers, listen, spiffeId, workloadApi } = settings;
  const wantsBundles = callers?.audiences !== undefined;
  const wantsSvids = listen.some(({ tls }) => tls === 'spiffe');
  if (!wantsBundles && !wantsSvids) return none;
  // gRPC is a large library, and a service on loopback may do without.
  const { openWorkloadApi } = await import('../../sidecar/workload-api/client.ts');
  const api = openWorkloadApi(workloadApi);
  return sourcesOf(api, { wantsBundles, wantsSvids, spiffeId });
}

const none: SvidSources = {
  bundles: undefined,
  peers: undefined,
  missing: () => [],
  close: () => undefined,
};

function sourcesOf(
  api: WorkloadApi,
  wanted: {
    readonly wantsBundles: boolean;
    readonly wantsSvids: boolean;
    readonly spiffeId: string | undefined;
  },
): SvidSources {
  const context = { api, timers: systemTimers, random: Math.random };
  const bundles = wanted.wantsBundles ? new JwtBundleSource(context) : undefined;
  const svids = wanted.wantsSvids ? x509SvidSource(context) : undefined;
  const peers = svids === undefined ? undefined : new PeerCallers(svids, wanted.spiffeId);
  bundles?.start();
  svids?.start();
  return {
    bundles,
    peers,
    missing: () => [
      ...(bundles?.hasState === false ? [bundles.problem() ?? 'the JWT bundles'] : []),
      ...(peers === undefined ? [] : missingOf(peers)),
    ],
    close: () => {
      bundles?.close();
      svids?.close();
      api.close();
    },
  };
}

/** With an expired certificate nobody talks to us: other replicas may do better. */
function missingOf(peers: PeerCallers): readonly string[] {
  const pair = peers.current();
  if (pair === undefined) return [peers.problem() ?? 'the X.509-SVID'];
  if (pair.notAfter * 1_000 > systemTimers.now()) return [];
  return [`an X.509-SVID that has not expired (${peers.problem() ?? 'no newer one has come'})`];
}
