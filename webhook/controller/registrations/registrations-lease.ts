/** The Lease whose holder writes to SPIRE and keeps ClusterSPIFFEID objects; it also has the record of relationships. */
export const registrationsLease = 'svidecar-registrations';

/** @param namespace svidecar's own */
export function registrationsLeasePath(namespace: string): string {
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
  return `${leases}/${registrationsLease}`;
}
