/**
 * Envoy's secret discovery service: each client gets changes of the secrets it asked for at once.
 * @see envoy.service.secret.v3.SecretDiscoveryService; FetchSecrets, which no Envoy calls over gRPC, is left out.
 */
import type { Timers } from '#kernel/clock.ts';
import { DeltaStream, StateStream, type DiscoveryStream } from '../sds/discovery-stream.ts';
import type { Secrets } from '../sds/secrets.ts';
import { grpcStatus } from './grpc-wire.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { StreamCallListener, OpenCall, StreamMethod } from './stream-call.ts';

const serviceName = '/envoy.service.secret.v3.SecretDiscoveryService';

export interface SecretServiceOptions {
  readonly timers: Timers;
  /** A client asked for a name that no rule has; comes with each such message. */
  readonly onUnknown: (name: string) => void;
  /** A client did not accept what it was sent under these names. */
  readonly onRefusal: (names: readonly string[]) => void;
}

interface Client {
  readonly call: OpenCall;
  readonly stream: DiscoveryStream;
}

export class SecretService {
  readonly methods: ReadonlyMap<string, StreamMethod> = new Map([
    [`${serviceName}/StreamSecrets`, (call) => this.#open(call, new StateStream())],
    [`${serviceName}/DeltaSecrets`, (call) => this.#open(call, new DeltaStream())],
  ]);
  readonly #options: SecretServiceOptions;
  readonly #clients = new Set<Client>();
  readonly #counts = { token: 0, empty: 0, refused: 0 };
  #secrets: Secrets;
  #stopListening: () => void;
  #cancelTimer: () => void = () => undefined;

  constructor(secrets: Secrets, options: SecretServiceOptions) {
    this.#options = options;
    this.#secrets = secrets;
    this.#stopListening = this.#listen();
  }

  /** From now on these are served; clients get what changed by that. */
  serve(secrets: Secrets): void {
    this.#stopListening();
    this.#secrets = secrets;
    this.#stopListening = this.#listen();
    this.tell();
  }

  /** Tells every client what is due. A timer does it when a token ends; called now and then, it does so where the clock was set, too. */
  tell(): void {
    const nowS = this.#nowS();
    for (const client of this.#clients) this.#push(client, nowS);
    this.#wait(nowS);
  }

  close(): void {
    this.#stopListening();
    this.#cancelTimer();
  }

  families(): readonly MetricFamily[] {
    const { token, empty, refused } = this.#counts;
    return [
      {
        name: 'svidecar_sds_pushes_total',
        help: 'Secrets sent to Envoy: tokens, and empty values where a token ended without a successor.',
        type: 'counter',
        samples: [
          { labels: { value: 'token' }, value: token },
          { labels: { value: 'empty' }, value: empty },
        ],
      },
      {
        name: 'svidecar_sds_refusals_total',
        help: 'Responses that Envoy did not accept (NACK).',
        type: 'counter',
        samples: [{ value: refused }],
      },
      {
        name: 'svidecar_sds_streams',
        help: 'Open streams of secret discovery.',
        type: 'gauge',
        samples: [{ value: this.#clients.size }],
      },
    ];
  }

  #listen(): () => void {
    return this.#secrets.onChange(() => {
      this.tell();
    });
  }

  #open(call: OpenCall, stream: DiscoveryStream): StreamCallListener {
    const client: Client = { call, stream };
    this.#clients.add(client);
    return {
      onMessage: (message) => {
        this.#onMessage(client, message);
      },
      onClose: () => {
        this.#clients.delete(client);
      },
    };
  }

  #onMessage(client: Client, message: Buffer): void {
    const taken = client.stream.take(message);
    if (taken.kind === 'fault') {
      client.call.end(grpcStatus.invalidArgument, taken.words);
      return;
    }
    if (taken.kind === 'refused') {
      this.#counts.refused += 1;
      this.#options.onRefusal(taken.names);
    }
    const nowS = this.#nowS();
    for (const name of client.stream.names) {
      if (this.#secrets.find(name, nowS).kind === 'unknown') this.#options.onUnknown(name);
    }
    this.#push(client, nowS);
    this.#wait(nowS);
  }

  #push({ call, stream }: Client, nowS: number): void {
    const push = stream.next(this.#secrets, nowS);
    if (push === undefined) return;
    for (const { value } of push.resources) this.#counts[value === '' ? 'empty' : 'token'] += 1;
    call.send(push.message);
  }

  /**
   * Until the next token that a client holds ends. What is overdue waits for the client's answer, not for time.
   * @param nowS for which clients were told: what ends between two looks at the clock would be neither told nor waited for
   */
  #wait(nowS: number): void {
    this.#cancelTimer();
    const ends = [...this.#clients]
      .flatMap(({ stream }) => stream.lapsesAtS ?? [])
      .filter((end) => end > nowS);
    if (ends.length === 0) return;
    this.#cancelTimer = this.#options.timers.after((Math.min(...ends) - nowS) * 1_000, () => {
      this.tell();
    });
  }

  #nowS(): number {
    return this.#options.timers.now() / 1_000;
  }
}
