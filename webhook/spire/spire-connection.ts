/** The way to SPIRE's server: its Unix socket, or mTLS with an X.509-SVID that the Workload API keeps new. */
import { credentials } from '@grpc/grpc-js';
import { messageOf } from '#kernel/errors.ts';
import type { X509Svid, X509Svids } from '../../sidecar/workload-api/api.ts';
import type { LatestSource } from '../../sidecar/workload-api/x509-source.ts';
import { channelCredentials, chooseSvid, isSameSvid, serverIdFor } from './admin-identity.ts';
import { SpireChannel } from './spire-channel.ts';

/** A channel to ask on, as whom; `none`: there is no identity to ask with. */
export type Way =
  | { readonly kind: 'open'; readonly channel: SpireChannel; readonly as: string }
  | { readonly kind: 'none'; readonly why: string };

export interface SpireConnection {
  /** Waits for the first identity until `signal` aborts. */
  way(signal: AbortSignal): Promise<Way>;
  /** Why the TLS handshake fails, where the server is another than it should be. */
  problem(): string | undefined;
  /** This channel is not used again: its peer may be gone without a word. */
  giveUp(channel: SpireChannel): void;
  close(): void;
}

export class SocketConnection implements SpireConnection {
  readonly #target: string;
  #channel: SpireChannel;

  constructor(target: string) {
    this.#target = target;
    this.#channel = this.#open();
  }

  way(): Promise<Way> {
    return Promise.resolve({
      kind: 'open',
      channel: this.#channel,
      as: 'the user of this process',
    });
  }

  problem(): undefined {
    return undefined;
  }

  giveUp(channel: SpireChannel): void {
    if (channel !== this.#channel) return;
    channel.retire();
    this.#channel = this.#open();
  }

  close(): void {
    this.#channel.retire();
  }

  #open(): SpireChannel {
    return new SpireChannel(this.#target, credentials.createInsecure(), {});
  }
}

export interface TlsOptions {
  readonly target: string;
  readonly svids: LatestSource<X509Svids>;
  /** Which of several SVIDs; undefined: see `chooseSvid`. */
  readonly spiffeId: string | undefined;
}

/** Credentials of a channel never change, so each new SVID gets a channel of its own. */
export class TlsConnection implements SpireConnection {
  readonly #options: TlsOptions;
  #current: { readonly svid: X509Svid; readonly channel: SpireChannel } | undefined;
  #problem: string | undefined;

  constructor(options: TlsOptions) {
    this.#options = options;
    options.svids.start();
  }

  async way(signal: AbortSignal): Promise<Way> {
    const { svids, spiffeId } = this.#options;
    await beforeAbort(svids.ready, signal);
    const given = svids.current()?.svids;
    if (given === undefined) return { kind: 'none', why: svids.problem() ?? 'no X.509-SVID' };
    const svid = chooseSvid(given, spiffeId);
    if (svid === undefined) {
      const why = `none of the ${given.length} X.509-SVIDs of this process is ${spiffeId ?? 'usable'}`;
      return { kind: 'none', why };
    }
    try {
      return { kind: 'open', channel: this.#channelFor(svid), as: svid.spiffeId };
    } catch (thrown) {
      return { kind: 'none', why: `the X.509-SVID cannot be used: ${messageOf(thrown)}` };
    }
  }

  problem(): string | undefined {
    return this.#problem;
  }

  giveUp(channel: SpireChannel): void {
    if (channel !== this.#current?.channel) return;
    channel.retire();
    this.#current = undefined;
  }

  close(): void {
    this.#current?.channel.retire();
    this.#current = undefined;
    this.#options.svids.close();
  }

  #channelFor(svid: X509Svid): SpireChannel {
    if (this.#current !== undefined && isSameSvid(this.#current.svid, svid)) {
      return this.#current.channel;
    }
    const wanted = serverIdFor(svid);
    const secure = channelCredentials(svid, (who) => {
      this.#problem = `who answers there is ${who}, not ${wanted}`;
    });
    // SPIRE's certificate has no DNS name of the address; Bun throws for an IP address without this.
    const options = { 'grpc.ssl_target_name_override': 'spire-server' };
    const channel = new SpireChannel(this.#options.target, secure, options);
    this.#current?.channel.retire();
    this.#problem = undefined;
    this.#current = { svid, channel };
    return channel;
  }
}

/** Resolves with the promise, or when the signal aborts. */
function beforeAbort(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      signal.removeEventListener('abort', end);
      resolve();
    };
    signal.addEventListener('abort', end);
    void promise.then(end);
  });
}
