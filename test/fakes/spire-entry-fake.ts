/** An entry of SPIRE for tests: the simplest that our own client makes, and what a test changes of it. */
import type { SpireEntry } from '../../webhook/identity/spire-entry.ts';

export function spireEntry(changes: Partial<SpireEntry> = {}): SpireEntry {
  return {
    id: 'svidecar.shop.1',
    spiffeId: 'spiffe://example.org/ns/shop/sa/frontend',
    parentId: 'spiffe://example.org/ns/spire/sa/spire-agent',
    selectors: ['k8s:container-name:auth-helper', 'k8s:ns:shop', 'k8s:sa:frontend'],
    federatesWith: [],
    dnsNames: [],
    hint: '',
    x509SvidTtlS: 0,
    jwtSvidTtlS: 0,
    isAdmin: false,
    isDownstream: false,
    storesSvid: false,
    isPrefetched: false,
    ...changes,
  };
}
