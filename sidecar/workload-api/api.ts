/** What the sources need from a Workload API: the gRPC client is one, tests have another. */

/**
 * `no_identity`: no registration entry matches this workload now. `unavailable`: the agent does not answer now.
 * `rejected`: the same request will never be answered otherwise.
 */
export type FailureKind = 'no_identity' | 'unavailable' | 'rejected';

/** A call that came to nothing. */
export interface CallFailure {
  readonly kind: FailureKind;
  /** The gRPC status by name, and what the other side said about it. */
  readonly text: string;
}

export type CallOutcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: CallFailure };

export interface JwtSvidRequest {
  readonly audiences: readonly string[];
  /** Absent: all identities of this workload; one of them failing then fails all. */
  readonly spiffeId?: string;
}

/** Unparsed. */
export interface JwtSvid {
  readonly spiffeId: string;
  readonly token: string;
  /** Empty when the entry has none. */
  readonly hint: string;
}

/** DER, as the Workload API sends it. */
export interface X509Svid {
  readonly spiffeId: string;
  /** Concatenated certificates, the leaf first. */
  readonly certificates: Buffer;
  /** PKCS#8. */
  readonly privateKey: Buffer;
  /** Concatenated certificates of the trust domain. */
  readonly bundle: Buffer;
  readonly hint: string;
}

/** Complete state: what is not here is withdrawn. Maps go by trust domain SPIFFE ID. */
export interface X509Svids {
  readonly svids: readonly X509Svid[];
  /** Concatenated DER certificates of foreign trust domains. */
  readonly federatedBundles: ReadonlyMap<string, Buffer>;
}
export type X509Bundles = ReadonlyMap<string, Buffer>;
/** JWKS documents. */
export type JwtBundles = ReadonlyMap<string, Buffer>;

/** Sees a stream's messages and, once, its end; nothing after that, and nothing after it was cancelled. */
export interface Observer<T> {
  onMessage(message: T): void;
  onEnd(failure: CallFailure): void;
}
/** Opens a stream; what comes back cancels it. */
export type Watch<T> = (observer: Observer<T>) => () => void;

export interface CallOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

export interface WorkloadApi {
  /** For messages. */
  readonly address: string;
  /** Never rejects. */
  fetchJwtSvids(
    request: JwtSvidRequest,
    options: CallOptions,
  ): Promise<CallOutcome<readonly JwtSvid[]>>;
  readonly watchJwtBundles: Watch<JwtBundles>;
  readonly watchX509Svids: Watch<X509Svids>;
  readonly watchX509Bundles: Watch<X509Bundles>;
  close(): void;
}
