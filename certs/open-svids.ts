/** X.509-SVIDs from the Workload API, by the client that the helper has. */
import { systemTimers } from '../sidecar/workload-api/system-timers.ts';
import type { SvidSource } from './spiffe.ts';

/** @throws {AppError} CONFIG_INVALID when the address is invalid */
export async function openSvids(address: string): Promise<SvidSource> {
  // Loaded only where SPIRE gives the certificate: gRPC is a large library.
  const { openWorkloadApi } = await import('../sidecar/workload-api/client.ts');
  const { x509SvidSource } = await import('../sidecar/workload-api/x509-source.ts');
  return x509SvidSource({
    api: openWorkloadApi(address),
    timers: systemTimers,
    random: Math.random,
  });
}
