/** What the service does for each of its operations, once it is known who asks. */
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#kernel/clock.ts';
import type { JsonObject } from '#kernel/json.ts';
import { banAddress, type BanAddress } from '../service/ban-address.ts';
import { pageOf } from '../service/ban-page.ts';
import { Problem } from '../service/problem.ts';
import type { OperationId } from '../service/service-operations.ts';
import { listQuery, logoutForm, shaped } from '../service/service-shapes.ts';
import type { StoredBan } from '../store/ban-store.ts';
import { banAsAnswered, banToWrite, nameOfBan } from './ban-messages.ts';
import type { BanServiceLimits } from './ban-service-limits.ts';
import type { BanWriter } from './ban-writer.ts';
import type { CheckJudge } from './check-judge.ts';
import type { GuardedStore } from './guarded-store.ts';
import type { Logouts } from './logouts.ts';

export interface BanHandlersOptions {
  readonly store: GuardedStore;
  readonly writer: BanWriter;
  readonly judge: CheckJudge | undefined;
  readonly logouts: Logouts | undefined;
  readonly bounds: Pick<BanServiceLimits, 'maxListings' | 'listDeadlineMs'>;
  readonly clock: Clock;
}

/** The caller is that of the request. */
export type BanHandler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

export class BanHandlers {
  readonly #options: BanHandlersOptions;
  #listings = 0;

  constructor(options: BanHandlersOptions) {
    this.#options = options;
  }

  /** @param document what `/openapi.json` shows */
  all(document: JsonObject): Readonly<Record<OperationId, BanHandler>> {
    return {
      putBan: (request, reply) => this.#put(request, reply),
      getBan: (request, reply) => this.#get(request, reply),
      deleteBan: (request, reply) => this.#remove(request, reply),
      listBans: (request, reply) => this.#list(request, reply),
      check: (request, reply) => this.#check(request, reply),
      logout: (request, reply) => this.#logout(request, reply),
      openapi: (_request, reply) => Promise.resolve(reply.send(document)),
    };
  }

  async #put(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { writer, clock } = this.#options;
    const facts = { by: request.caller, nowS: clock.now() / 1_000 };
    await writer.put(banToWrite(addressOf(request), request.body, facts));
    return reply.code(204).send();
  }

  async #get(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { claim, value } = addressOf(request);
    const bans = await this.#options.store.ask((store) => store.get(claim, value));
    if (bans.length === 0) throw new Problem('not_banned', 'there is no ban of this value');
    return reply.send({ bans: bans.map(banAsAnswered) });
  }

  async #remove(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    await this.#options.writer.remove({ ...addressOf(request), by: request.caller });
    return reply.code(204).send();
  }

  async #list(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { bounds, store } = this.#options;
    const { limit, after, claim } = shaped(listQuery, request.query, 'query_invalid');
    if (this.#listings >= bounds.maxListings)
      throw new Problem('not_ready', 'others are listing bans just now', { retryAfterS: 2 });
    this.#listings += 1;
    const ends = AbortSignal.timeout(bounds.listDeadlineMs);
    const rest = async (): Promise<void> => {
      ends.throwIfAborted();
      await turn();
    };
    try {
      const page = await store.ask(
        (all) => pageOf(ofClaim(all.list(), claim), nameOfBan, { wanted: { limit, after }, rest }),
        bounds.listDeadlineMs,
      );
      return await reply.send({ bans: page.items.map(banAsAnswered), next: page.next });
    } finally {
      this.#listings -= 1;
    }
  }

  async #check({ raw }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const isBanned = await this.#options.judge?.(raw);
    return reply.send({ pass: isBanned !== true });
  }

  async #logout(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { logout_token: token } = shaped(logoutForm, request.body, 'body_invalid');
    const fault = await this.#options.logouts?.take(token);
    if (fault === undefined) return reply.code(200).send();
    const { reason, words } = fault;
    return reply
      .code(400)
      .send({ error: 'invalid_request', error_description: `${reason}: ${words}` });
  }
}

/** @throws {Problem} */
function addressOf({ raw }: FastifyRequest): BanAddress {
  const address = banAddress(raw.url ?? '');
  if (address !== undefined) return address;
  const words = 'write /bans/{claim}/{value}, each percent-encoded as one segment in UTF-8';
  throw new Problem('address_invalid', words);
}

async function* ofClaim(
  bans: AsyncIterable<StoredBan>,
  claim: string | undefined,
): AsyncGenerator<StoredBan> {
  for await (const ban of bans) if (claim === undefined || ban.claim === claim) yield ban;
}
