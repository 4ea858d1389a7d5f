/**
 * The Workload API of an embedded authority on a Unix socket, in this process: the real protocol, and faults
 * on demand. Whoever reaches the socket gets the identities that were given to it.
 */
import { rmSync } from 'node:fs';
import {
  Server,
  ServerCredentials,
  status,
  type Metadata,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { AppError } from '#kernel/errors.ts';
import type {
  JWTSVID,
  JWTSVIDRequest,
  X509BundlesResponse,
  X509SVIDResponse,
} from '../gen/workload.ts';
import type { EmbeddedAuthority } from './jwt-authority.ts';
import { workloadService, type WorkloadHandlers } from './workload-service.ts';
import type { X509Authority } from './x509-authority.ts';

export interface EmbeddedIdentity {
  readonly spiffeId: string;
  readonly hint?: string;
}

export interface EmbeddedOptions {
  readonly authority: EmbeddedAuthority;
  /** Absolute; what lies there is removed. */
  readonly socketPath: string;
  /** In the order in which callers get them: the first is the default one. None: nobody has an identity. */
  readonly identities: readonly EmbeddedIdentity[];
  /** Seconds that JWT-SVIDs live; 300 as SPIRE's default. */
  readonly jwtTtlS?: number;
  /** Seconds that X.509-SVIDs live; 3600 as SPIRE's default. */
  readonly x509TtlS?: number;
}

/** What goes wrong with every call from now on. */
export interface Faults {
  /** Milliseconds before each answer. */
  readonly delayMs?: number;
  /** gRPC status that each call ends with. */
  readonly failWith?: { readonly code: number; readonly details: string };
  /** Calls are taken and never answered. */
  readonly hang?: boolean;
}

export interface EmbeddedWorkloadApi {
  /** For SPIFFE_ENDPOINT_SOCKET. */
  readonly address: string;
  /** Calls of FetchJWTSVID so far. */
  readonly jwtCalls: number;
  /** Replaces what callers get; open streams learn of it at once. */
  setIdentities(identities: readonly EmbeddedIdentity[]): void;
  setFaults(faults: Faults): void;
  /** Ends every open stream, as an agent that restarts does. */
  dropStreams(): void;
  /** Stops listening, ends every call and removes the socket. */
  stop(): Promise<void>;
  /** Listens again after {@link stop}, on a new socket under the old path. */
  restart(): Promise<void>;
  /** As {@link stop}, for good. */
  close(): Promise<void>;
}

/** @throws {AppError} WORKLOAD_API_UNAVAILABLE when the socket cannot be listened on */
export async function startEmbeddedWorkloadApi(
  options: EmbeddedOptions,
): Promise<EmbeddedWorkloadApi> {
  const api = new Endpoint(options);
  await api.restart();
  return api;
}

/** A call ends with this status. */
class Refused extends Error {
  readonly code: number;
  readonly details: string;
  constructor(code: number, details: string) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

interface OpenStream {
  push(): void;
  end(reason: Refused): void;
}

class Endpoint implements EmbeddedWorkloadApi {
  readonly address: string;
  jwtCalls = 0;
  readonly #options: EmbeddedOptions;
  readonly #streams = new Set<OpenStream>();
  readonly #stopListening: () => void;
  #identities: readonly EmbeddedIdentity[];
  #faults: Faults = {};
  #server: Server | undefined;
  #x509: Promise<X509Authority> | undefined;

  constructor(options: EmbeddedOptions) {
    this.address = `unix://${options.socketPath}`;
    this.#options = options;
    this.#identities = options.identities;
    this.#stopListening = options.authority.onChange(() => {
      this.#pushAll();
    });
  }

  setIdentities(identities: readonly EmbeddedIdentity[]): void {
    this.#identities = identities;
    this.#pushAll();
  }

  setFaults(faults: Faults): void {
    this.#faults = faults;
  }

  dropStreams(): void {
    for (const stream of this.#streams) stream.end(new Refused(status.UNAVAILABLE, 'dropped'));
  }

  async restart(): Promise<void> {
    await this.stop();
    rmSync(this.#options.socketPath, { force: true });
    // With channelz off, grpc-js 1.14.7 forgets its sessions and a forced shutdown leaves them open.
    const server = new Server();
    server.addService(workloadService, { ...this.#handlers() });
    await new Promise<void>((resolve, reject) => {
      const target = `unix:${this.#options.socketPath}`;
      server.bindAsync(target, ServerCredentials.createInsecure(), (fault) => {
        if (fault === null) resolve();
        else
          reject(
            new AppError(
              'WORKLOAD_API_UNAVAILABLE',
              `cannot listen on ${this.address}: ${fault.message}`,
              { cause: fault },
            ),
          );
      });
    });
    this.#server = server;
  }

  stop(): Promise<void> {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.#streams.clear();
    rmSync(this.#options.socketPath, { force: true });
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.#stopListening();
    return this.stop();
  }

  #handlers(): WorkloadHandlers {
    return {
      fetchJwtsvid: (call, callback) => {
        this.jwtCalls++;
        this.#admit(call.metadata)
          .then(() => this.#jwtSvids(call.request))
          .then(
            (svids) => {
              callback(null, { svids });
            },
            (fault: unknown) => {
              callback(refusalOf(fault));
            },
          );
      },
      fetchJwtBundles: (call) => {
        this.#stream(call, () => Promise.resolve({ bundles: this.#jwtBundles() }));
      },
      fetchX509Svid: (call) => {
        this.#stream(call, () => this.#x509Svids(), (this.#x509TtlS() * 1_000) / 2);
      },
      fetchX509Bundles: (call) => {
        this.#stream(call, () => this.#x509Bundles());
      },
      validateJwtsvid: (_call, callback) => {
        const details = 'the embedded Workload API validates nothing: use the bundles';
        callback(new Refused(status.UNIMPLEMENTED, details));
      },
    };
  }

  /** What stands before every answer. */
  async #admit(metadata: Metadata): Promise<void> {
    if (metadata.get('workload.spiffe.io')[0] !== 'true') {
      throw new Refused(status.INVALID_ARGUMENT, 'security header missing from request');
    }
    const { delayMs = 0, failWith, hang = false } = this.#faults;
    if (hang) await new Promise<never>(() => undefined);
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (failWith !== undefined) throw new Refused(failWith.code, failWith.details);
    this.#demandIdentity();
  }

  #demandIdentity(): void {
    if (this.#identities.length === 0) {
      throw new Refused(status.PERMISSION_DENIED, 'no identity issued');
    }
  }

  async #jwtSvids(request: JWTSVIDRequest): Promise<JWTSVID[]> {
    const { authority, jwtTtlS = 300 } = this.#options;
    if (request.audience.length === 0) {
      throw new Refused(status.INVALID_ARGUMENT, 'audience must be specified');
    }
    const wanted = this.#identities.filter(
      ({ spiffeId }) => request.spiffeId === '' || request.spiffeId === spiffeId,
    );
    if (wanted.length === 0) throw new Refused(status.PERMISSION_DENIED, 'no identity issued');
    return Promise.all(
      wanted.map(async ({ spiffeId, hint = '' }) => {
        const audiences = request.audience;
        return {
          spiffeId,
          hint,
          svid: await authority.mint({ spiffeId, audiences, ttlS: jwtTtlS }),
        };
      }),
    );
  }

  #jwtBundles(): Record<string, Buffer> {
    const bundles = this.#options.authority.bundles();
    return Object.fromEntries([...bundles].map(([id, jwks]) => [id, Buffer.from(jwks)]));
  }

  #x509TtlS(): number {
    return this.#options.x509TtlS ?? 3_600;
  }

  /** Loaded when first asked for: JWT needs none of it. */
  #x509Authority(): Promise<X509Authority> {
    const { trustDomain, clock } = this.#options.authority;
    this.#x509 ??= import('./x509-authority.ts').then((module) =>
      module.createX509Authority(trustDomain, clock),
    );
    return this.#x509;
  }

  async #x509Svids(): Promise<X509SVIDResponse> {
    const authority = await this.#x509Authority();
    const svids = await Promise.all(
      this.#identities.map(async ({ spiffeId, hint = '' }) => {
        const issued = await authority.issue(spiffeId, this.#x509TtlS());
        const { certificates: x509Svid, privateKey: x509SvidKey, bundle } = issued;
        return { spiffeId, x509Svid, x509SvidKey, bundle, hint };
      }),
    );
    return { svids, crl: [], federatedBundles: {} };
  }

  async #x509Bundles(): Promise<X509BundlesResponse> {
    const { bundle } = await this.#x509Authority();
    return { crl: [], bundles: { [`spiffe://${this.#options.authority.trustDomain}`]: bundle } };
  }

  #pushAll(): void {
    for (const stream of this.#streams) stream.push();
  }

  /** @param repeatMs pushes again so often, for state that ages */
  #stream<Q, R>(
    call: ServerWritableStream<Q, R>,
    state: () => Promise<R>,
    repeatMs?: number,
  ): void {
    const end = (fault: unknown): void => {
      close();
      call.emit('error', refusalOf(fault));
    };
    const send = async (): Promise<void> => {
      this.#demandIdentity();
      call.write(await state());
    };
    const push = (): void => {
      send().catch(end);
    };
    const timer = repeatMs === undefined ? undefined : setInterval(push, repeatMs).unref();
    const stream: OpenStream = { push, end };
    const close = (): void => {
      clearInterval(timer);
      this.#streams.delete(stream);
    };
    call.on('cancelled', close);
    call.on('close', close);
    this.#admit(call.metadata).then(() => {
      this.#streams.add(stream);
      push();
    }, end);
  }
}

function refusalOf(fault: unknown): Refused {
  return fault instanceof Refused ? fault : new Refused(status.INTERNAL, String(fault));
}
