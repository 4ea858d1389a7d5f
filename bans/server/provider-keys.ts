/** Keys of OpenID providers: from a file that may change, or from a URL, kept for a while and never asked for too often. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTVerifyGetKey,
} from 'jose';
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import { isObject, listAt } from '#kernel/json.ts';
import type { Log } from '#kernel/observe.ts';
import { KeysAway } from '../service/logout-token.ts';
import type { LogoutProvider } from '../service/service-settings.ts';

/** Bytes of a key set; one with certificate chains has about 20 KiB. */
const maxKeySetBytes = 262_144;
const fetchDeadlineMs = 3_000;
/** Between two requests for a key that is not there; and for a key set that cannot be had. */
const cooldownMs = 10_000;
const failedForMs = 2_000;
/** A withdrawn key counts for so long at most. */
const keptMs = 600_000;
const fileKeptMs = 2_000;

interface KeysContext {
  readonly clock: Clock;
  readonly log: Log;
}

/** How often a key set was asked for, and which of these times gave keys last. */
interface Askings {
  begun: number;
  answered: number;
}

/**
 * A key that is not there is told of only by a key set that was asked for since: a provider may just have made it.
 * @returns keys; asking for one rejects with KeysAway, or with what jose says of a key that is not there
 */
export function providerKeys(provider: LogoutProvider, context: KeysContext): JWTVerifyGetKey {
  const { keys, issuer } = provider;
  const askings: Askings = { begun: 0, answered: 0 };
  const given = { ...context, askings };
  const keyFor = 'file' in keys ? fileKeys(keys.file, given) : remoteKeys(keys, given);
  return async (header, token) => {
    const { begun } = askings;
    try {
      return await keyFor(header, token);
    } catch (thrown) {
      if (thrown instanceof errors.JWKSMultipleMatchingKeys) throw thrown;
      if (thrown instanceof errors.JWKSNoMatchingKey) {
        if (askings.answered > begun) throw thrown;
        throw new KeysAway('the key may be newer than the keys', { cause: thrown });
      }
      // What failed a moment ago was logged then.
      if (!(thrown instanceof FailedBefore))
        context.log.error({ issuer, fault: messageOf(thrown) }, 'no keys of a provider');
      throw new KeysAway('no keys', { cause: thrown });
    }
  };
}

class FailedBefore extends Error {}

interface AskingContext extends KeysContext {
  readonly askings: Askings;
}

function fileKeys(file: string, { clock, askings }: AskingContext): JWTVerifyGetKey {
  let read:
    { readonly atMs: number; readonly keys: ReturnType<typeof createLocalJWKSet> } | undefined;
  return async (header, token) => {
    const nowMs = clock.now();
    if (read === undefined || Math.abs(nowMs - read.atMs) > fileKeptMs) {
      const number = (askings.begun += 1);
      // jose checks what it is given.
      const set = JSON.parse(await readFile(file, 'utf8')) as Parameters<
        typeof createLocalJWKSet
      >[0];
      read = { atMs: nowMs, keys: createLocalJWKSet(set) };
      if (set.keys.length > 0) askings.answered = number;
    }
    return read.keys(header, token);
  };
}

function remoteKeys(
  { url, ca }: { readonly url: string; readonly ca?: string | undefined },
  { clock, askings }: AskingContext,
): JWTVerifyGetKey {
  let failedAtMs = -Infinity;
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: fetchDeadlineMs,
    cooldownDuration: cooldownMs,
    cacheMaxAge: keptMs,
    [customFetch]: async (asked, { headers, signal }) => {
      if (Math.abs(clock.now() - failedAtMs) < failedForMs)
        throw new FailedBefore(`${url} has just failed`);
      const number = (askings.begun += 1);
      try {
        // A connection of its own: one that was kept may be ending just then, and asking again waits for its time.
        const options = { headers: Object.fromEntries(headers), signal, agent: false };
        const trust = ca === undefined ? {} : { ca: await readFile(ca, 'utf8') };
        const answer = await fetchBounded(asked, { ...options, ...trust });
        if (await hasKeys(answer.clone())) askings.answered = number;
        return answer;
      } catch (thrown) {
        failedAtMs = clock.now();
        throw new TypeError(`${url} gives no key set: ${messageOf(thrown)}`, { cause: thrown });
      }
    },
  });
}

/** A provider without a single key is one in trouble. What is no key set, jose refuses. */
async function hasKeys(answer: Response): Promise<boolean> {
  const set: unknown = await answer.json();
  return isObject(set) && listAt(set, 'keys').length > 0;
}

/** GET over TLS, no redirect followed. @throws where the answer is none, or too long */
async function fetchBounded(
  url: string,
  options: Parameters<typeof request>[1],
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const asking = request(url, options, (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length > maxKeySetBytes) response.destroy(new TypeError('the answer is too long'));
    });
    response.on('error', reject);
    response.on('end', () => {
      const { statusCode: status = 0 } = response;
      if (status === 200) resolve(new Response(Buffer.concat(chunks), { status }));
      else reject(new TypeError(`the answer is ${status}`));
    });
  });
  asking.on('error', reject);
  asking.end();
  return promise;
}
