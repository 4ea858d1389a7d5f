/** What servers, the client and the network say, in words of ours: theirs may quote a password, a key or a value. */
import { ErrorReply } from '@redis/client';
import { AppError, type ErrorCode } from '#kernel/errors.ts';
import { redisAddress } from '../config/redis-settings.ts';

/** Nothing was heard for so long. */
export class RedisSilence extends Error {
  constructor(afterMs: number) {
    super(`did not answer within ${afterMs} ms`);
  }
}

/**
 * Bytes that are taken in of answers and changes that do not come to their end: the longest 128 records are 2 MiB, and 100,000
 * changes that are told together. Keys are told whole.
 */
export const mostAtOnceBytes = 8 * 1_048_576;

/** More was sent, or announced, than is taken in at once. */
export class RedisFlood extends Error {
  constructor() {
    const says = 'look for keys of such a length, and set proto-max-bulk-len';
    super(`sent more than ${mostAtOnceBytes / 1_048_576} MiB at once: ${says}`);
  }
}

/** By the word that an error of a server begins with, and where it matters the command. */
const answers: ReadonlyMap<string, string> = new Map([
  ['NOAUTH', 'asks for a password: give passwordFile, and username where it has users'],
  ['WRONGPASS', 'refuses the user or the password: check username and passwordFile'],
  ['LOADING', 'is still loading its data'],
  ['CLUSTERDOWN', 'has no master for some keys: look at CLUSTER INFO'],
  ['MASTERDOWN', 'is a replica without its master'],
  ['READONLY', 'is a replica: it takes no writes'],
  ['DENIED', 'is in protected mode: give it a password'],
  ['NOPROTO', 'does not speak RESP3: Redis 7 or newer is needed'],
  ['ERR SENTINEL', 'is no Sentinel: check sentinel.servers'],
  ['ERR CLUSTER', 'is in no Cluster: give url in its place'],
  ['OOM', 'has no memory left for more: raise maxmemory'],
]);

/** By the code of an error of Node's (and Bun's) TLS. */
const certificateFaults: ReadonlyMap<string, string> = new Map([
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'shows a certificate for another name: give tls.serverName'],
  ['CERT_HAS_EXPIRED', 'shows a certificate that has expired'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'shows a certificate of its own making: check tls.ca'],
  ...[
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_SIGNATURE_FAILURE',
  ].map((code) => [code, 'shows a certificate of an unknown authority: check tls.ca'] as const),
]);

/** A failure of a store that keeps what programs need of it. */
class StoreFault extends AppError {
  readonly word: string | undefined;

  constructor(code: ErrorCode, message: string, word: string | undefined) {
    super(code, message);
    this.word = word;
  }
}

/** The word that a server's error begins with, such as `WRONGTYPE`; undefined for what no server said. */
export function errorWord(thrown: unknown): string | undefined {
  if (thrown instanceof StoreFault) return thrown.word;
  if (!(thrown instanceof ErrorReply)) return undefined;
  return /^[A-Z]+(?=\s|$)/.exec(thrown.message)?.[0] ?? 'ERR';
}

export interface Redirection {
  /** `ask`: only this once. */
  readonly kind: 'moved' | 'ask';
  /** Undefined: the same host, which it does not name. */
  readonly host: string | undefined;
  readonly port: number;
}

/** `MOVED 3999 127.0.0.1:6381`. @see Redis Cluster specification, "MOVED Redirection", "ASK redirection" */
export function redirectionIn(thrown: unknown): Redirection | undefined {
  if (!(thrown instanceof ErrorReply)) return undefined;
  const [, word, text = ''] = /^(MOVED|ASK) \d{1,5} (\S{2,300})$/.exec(thrown.message) ?? [];
  if (word === undefined) return undefined;
  const kind = word === 'ASK' ? 'ask' : 'moved';
  const address = addressIn(text);
  return address === undefined ? undefined : { kind, ...address };
}

/** IPv6 addresses come without brackets. */
function addressIn(text: string): Omit<Redirection, 'kind'> | undefined {
  const at = text.lastIndexOf(':');
  const host = text.slice(0, at);
  const named = host.includes(':') ? `[${host}]` : host;
  const address = redisAddress(`${named === '' ? 'unnamed' : named}:${text.slice(at + 1)}`);
  if (address === undefined) return undefined;
  return { host: named === '' ? undefined : address.host, port: address.port };
}

/**
 * @param server as messages name it
 * @param words the command that failed: only its name is told
 */
export function storeFault(
  server: string,
  thrown: unknown,
  words: readonly string[] = [],
): AppError {
  if (thrown instanceof AppError) return thrown;
  const word = errorWord(thrown);
  // Without the cause: it may hold what the message must not.
  return new StoreFault(codeOf(thrown), `${server} ${textOf(thrown, words)}`, word);
}

function codeOf(thrown: unknown): ErrorCode {
  if (errorWord(thrown) === 'OOM') return 'BAN_STORE_FULL';
  return isForbidden(thrown) ? 'BAN_STORE_FORBIDDEN' : 'BAN_STORE_UNREACHABLE';
}

/** Of a script, Redis says in a sentence which right is missing. @see Redis scriptCall, "The user executing the script can't …" */
function isForbidden(thrown: unknown): boolean {
  if (errorWord(thrown) === 'NOPERM') return true;
  return thrown instanceof ErrorReply && thrown.message.includes('user executing the script can');
}

/** {@link storeFault} of a connection that came to nothing. A server without TLS says nothing to a client with it. */
export function openingFault(server: string, thrown: unknown, isTls: boolean): AppError {
  const fault = storeFault(server, thrown);
  if (!isTls || !isSilence(thrown)) return fault;
  const hint = 'if its port has no TLS, write redis:// in place of rediss://, or leave tls out';
  return new AppError(fault.code, `${fault.message}; ${hint}`);
}

function isSilence(thrown: unknown): boolean {
  return (
    thrown instanceof RedisSilence || (thrown instanceof Error && isTimeout(nodeError(thrown)))
  );
}

function isTimeout({ name }: { readonly name: string }): boolean {
  return name === 'ConnectionTimeoutError' || name === 'SocketTimeoutError';
}

function textOf(thrown: unknown, words: readonly string[]): string {
  const word = errorWord(thrown);
  if (word !== undefined) return answerText(word, thrown, words);
  if (thrown instanceof RedisSilence || thrown instanceof RedisFlood) return thrown.message;
  const { code, name } = thrown instanceof Error ? nodeError(thrown) : { code: '', name: 'Error' };
  const known = certificateFaults.get(code);
  if (known !== undefined) return known;
  if (isTimeout({ name })) return 'did not answer in time';
  return connectionText(code);
}

function connectionText(code: string): string {
  if (code.endsWith('_CERTIFICATE_REQUIRED'))
    return 'wants to see a certificate of its client: give tls.cert and tls.key';
  if (/^(?:EPROTO|ERR_SSL_)/.test(code))
    return `does not agree on TLS (${code}): check tls, and whether the port is one with TLS`;
  if (code === '' || code === 'ECONNRESET')
    return 'closed the connection: look at its log, and whether it wants TLS';
  return `cannot be reached (${code}): check its address, and whether it runs`;
}

function answerText(word: string, thrown: unknown, words: readonly string[]): string {
  // "… has no permissions to run the 'client|tracking' command"
  const [, refused] =
    thrown instanceof Error ? (/'([a-z|-]{1,64})' command/.exec(thrown.message) ?? []) : [];
  if (isForbidden(thrown)) {
    const named = (refused ?? words[0] ?? 'a command').replace('|', ' ').toUpperCase();
    const what = word === 'NOPERM' ? named : `what ${named} runs (GETRANGE, SET, DEL)`;
    return `gives its user no right to ${what}, or not on these keys: compare its ACL with docs/bans-redis.md`;
  }
  const asked = words[0] ?? 'a command';
  const known = answers.get(`${word} ${asked}`) ?? answers.get(word);
  return known ?? `answered ${asked} with an error (${word})`;
}

/** The client's own errors have no code. */
function nodeError(error: Error): { readonly code: string; readonly name: string } {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { code, name: error.constructor.name };
}
