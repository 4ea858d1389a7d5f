/** What an entry in SPIRE is, for whoever compares what should be there with what is. */

/** A registration entry as SPIRE's server keeps it. @see spire.api.types.Entry */
export interface SpireEntry {
  readonly id: string;
  readonly spiffeId: string;
  readonly parentId: string;
  /** Such as `k8s:ns:shop`, sorted. */
  readonly selectors: readonly string[];
  /** Names of trust domains, sorted. */
  readonly federatesWith: readonly string[];
  /** In order: the first is the common name of the X.509-SVID. */
  readonly dnsNames: readonly string[];
  /** Empty: none. */
  readonly hint: string;
  /** Seconds; 0: the server's default. */
  readonly x509SvidTtlS: number;
  /** Seconds; 0: the server's default. */
  readonly jwtSvidTtlS: number;
  readonly isAdmin: boolean;
  readonly isDownstream: boolean;
  readonly storesSvid: boolean;
  /** Whether agents ask for its X.509-SVID before a workload does. */
  readonly isPrefetched: boolean;
}
