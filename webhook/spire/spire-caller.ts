/** One call to SPIRE's server: within a deadline, and ending in an answer or a coded failure. */
import {
  status,
  Metadata,
  type CallOptions,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { AppError } from '#kernel/errors.ts';
import type { SpireClients } from './spire-channel.ts';
import type { SpireConnection } from './spire-connection.ts';
import { spireFailure, spireUnreachable } from './spire-failure.ts';
import type { CallObserver } from './spire-server-api.ts';

/** A method of a client, with its request. */
export type Ask<Answer> = (
  clients: SpireClients,
  ...rest: [Metadata, Partial<CallOptions>, (fault: ServiceError | null, answer: Answer) => void]
) => ClientUnaryCall;

export interface CallerOptions {
  readonly address: string;
  readonly connection: SpireConnection;
  /** Milliseconds for each call. */
  readonly deadlineMs: number;
  readonly observe: CallObserver;
}

export class SpireCaller {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** @param call its name, for messages and metrics */
  async call<Answer>(call: string, ask: Ask<Answer>, signal: AbortSignal): Promise<Answer> {
    const { observe } = this.#options;
    try {
      const answer = await this.#ask(call, ask, signal);
      observe(call, 'ok');
      return answer;
    } catch (thrown) {
      if (thrown instanceof AppError) observe(call, thrown.code);
      throw thrown;
    }
  }

  async #ask<Answer>(call: string, ask: Ask<Answer>, signal: AbortSignal): Promise<Answer> {
    const { address, connection, deadlineMs } = this.#options;
    const deadline = Date.now() + deadlineMs;
    const way = await connection.way(AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]));
    signal.throwIfAborted();
    if (way.kind === 'none') throw spireUnreachable({ address }, way.why);
    const outcome = await way.channel.use((clients) =>
      settled<Answer>((done) => ask(clients, new Metadata(), { deadline }, done), signal),
    );
    if (outcome.kind === 'answer') return outcome.answer;
    signal.throwIfAborted();
    const { fault } = outcome;
    if (fault.code === status.DEADLINE_EXCEEDED) connection.giveUp(way.channel);
    const problem = connection.problem();
    if (fault.code === status.UNAVAILABLE && problem !== undefined) {
      throw spireUnreachable({ address }, problem);
    }
    throw spireFailure({ call, address, as: way.as }, fault);
  }
}

type Outcome<Answer> =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'fault'; readonly fault: ServiceError };

function settled<Answer>(
  begin: (done: (fault: ServiceError | null, answer: Answer) => void) => ClientUnaryCall,
  signal: AbortSignal,
): Promise<Outcome<Answer>> {
  return new Promise((resolve) => {
    const call = begin((fault, answer) => {
      signal.removeEventListener('abort', cancel);
      resolve(fault === null ? { kind: 'answer', answer } : { kind: 'fault', fault });
    });
    const cancel = (): void => {
      call.cancel();
    };
    signal.addEventListener('abort', cancel, { once: true });
  });
}
