/** One channel to SPIRE's server, and the clients on it. */
import { Channel, credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { AgentClient } from './gen/agent.ts';
import { BundleClient } from './gen/bundle.ts';
import { EntryClient } from './gen/entry.ts';
import { TrustDomainClient } from './gen/trustdomain.ts';

/** Bytes: a page of entries with many selectors fits, and nobody fills the memory. */
const maxAnswerBytes = 16 * 1024 * 1024;

const channelOptions = {
  'grpc.max_receive_message_length': maxAnswerBytes,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  // The server is known by its SPIFFE ID: neither a proxy of the environment nor DNS says who it is.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  // A channel that was replaced must not hand its connection to the next.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

export interface SpireClients {
  readonly agents: AgentClient;
  readonly bundles: BundleClient;
  readonly entries: EntryClient;
  readonly trustDomains: TrustDomainClient;
}

/** Closed once it is retired and its last call has ended: a call that writes is not cut off by a new certificate. */
export class SpireChannel {
  readonly clients: SpireClients;
  readonly #channel: Channel;
  #calls = 0;
  #isRetired = false;

  constructor(
    target: string,
    secure: ChannelCredentials,
    options: Readonly<Record<string, string>>,
  ) {
    const channel = new Channel(target, secure, { ...channelOptions, ...options });
    const on = { channelOverride: channel };
    // Unused beside a channel that is given, but the constructors want them.
    const none = credentials.createInsecure();
    this.#channel = channel;
    this.clients = {
      agents: new AgentClient(target, none, on),
      bundles: new BundleClient(target, none, on),
      entries: new EntryClient(target, none, on),
      trustDomains: new TrustDomainClient(target, none, on),
    };
  }

  async use<Answer>(ask: (clients: SpireClients) => Promise<Answer>): Promise<Answer> {
    this.#calls += 1;
    try {
      return await ask(this.clients);
    } finally {
      this.#calls -= 1;
      this.#closeIfDone();
    }
  }

  retire(): void {
    this.#isRetired = true;
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#isRetired && this.#calls === 0) this.#channel.close();
  }
}
