/**
 * Whether a logout token is one: who sent it proves nothing, the token does.
 * @see OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6
 */
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { isObject, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { maxBannedLength } from '../../sidecar/config/ban-values.ts';
import type { LogoutProvider } from './service-settings.ts';

/** Stable ids: metric labels and the documentation use them. */
export type LogoutRefusal =
  | 'algorithm'
  | 'audience'
  | 'events'
  | 'expired'
  | 'issued_at'
  | 'issuer'
  | 'key'
  | 'malformed'
  | 'nonce'
  | 'replayed'
  | 'signature'
  | 'subject'
  | 'token_id'
  | 'type';

export const logoutRefusals: Readonly<Record<LogoutRefusal, string>> = {
  algorithm: 'it is signed with an algorithm that is not allowed',
  audience: 'it is meant for another client',
  events: 'it has no back-channel logout event',
  expired: 'it has expired, or is too old',
  issued_at: 'its iat is missing or in the future',
  issuer: 'no provider of this issuer is configured',
  key: 'the provider has no key for it',
  malformed: 'it is no signed JWT in compact form',
  nonce: 'it has a nonce: that is an ID token',
  replayed: 'it was used before',
  signature: 'its signature is wrong',
  subject: 'it has neither a sid nor a sub that can be banned',
  token_id: 'it has no jti',
  type: 'its type is another than logout+jwt or JWT',
};

/** A logout that a provider has really told of. */
export interface ProvenLogout {
  readonly provider: LogoutProvider;
  readonly tokenId: string;
  /** Unix seconds. */
  readonly issuedAtS: number;
  readonly sid: string | undefined;
  readonly sub: string | undefined;
}

export type LogoutVerdict =
  | { readonly kind: 'logout'; readonly logout: ProvenLogout }
  /** `issuer`: of one that it has really signed. */
  | { readonly kind: 'refused'; readonly reason: LogoutRefusal; readonly issuer?: string }
  /** Nothing can be said now. */
  | { readonly kind: 'keys_away' };

export interface KnownProvider {
  readonly settings: LogoutProvider;
  /** @throws {KeysAway} where there are no keys now */
  readonly keyFor: JWTVerifyGetKey;
}

/** The provider's keys cannot be had now: that says nothing about a token. */
export class KeysAway extends Error {}

/** Characters; those of providers have about a thousand. */
const maxLogoutTokenLength = 16_384;
/** Seconds by which a provider's clock and ours may differ. */
const leewayS = 60;
/** Seconds from `iat` on for which a token counts, whatever its `exp` says: providers send it at once. */
const maxAgeS = 600;
/** Seconds for which a used token must be remembered. */
export const rememberedS = maxAgeS + 2 * leewayS;

const eventName = 'http://schemas.openid.net/event/backchannel-logout';
/** RFC 8417 §2.3 and RFC 8725 §3.11 want the first; older providers send what any JWT may have. */
const types: readonly unknown[] = ['logout+jwt', 'application/logout+jwt', 'jwt', undefined];

function refused(reason: LogoutRefusal): LogoutVerdict {
  return { kind: 'refused', reason };
}

/** What its provider has signed says who sent it, whatever else is wrong. */
function ofProvider(verdict: LogoutVerdict, { issuer }: LogoutProvider): LogoutVerdict {
  return verdict.kind === 'refused' ? { ...verdict, issuer } : verdict;
}

/** @param nowMs milliseconds since the epoch */
export async function readLogoutToken(
  token: string,
  providers: ReadonlyMap<string, KnownProvider>,
  nowMs: number,
): Promise<LogoutVerdict> {
  const said = token.length > maxLogoutTokenLength ? undefined : unverified(token);
  if (said === undefined) return refused('malformed');
  if (!types.includes(lowered(said.type))) return refused('type');
  const provider = typeof said.issuer === 'string' ? providers.get(said.issuer) : undefined;
  if (provider === undefined) return refused('issuer');
  const { issuer, audiences, algorithms } = provider.settings;
  try {
    const { payload } = await jwtVerify(token, provider.keyFor, {
      issuer,
      audience: [...audiences],
      algorithms: [...algorithms],
      clockTolerance: leewayS,
      maxTokenAge: maxAgeS,
      currentDate: new Date(nowMs),
    });
    // Verified claims are JSON.
    return ofProvider(read(payload as JsonObject, provider.settings), provider.settings);
  } catch (thrown) {
    if (thrown instanceof KeysAway) return { kind: 'keys_away' };
    return refused(reasonOf(thrown));
  }
}

function unverified(token: string): { type: unknown; issuer: unknown } | undefined {
  try {
    return { type: decodeProtectedHeader(token).typ, issuer: decodeJwt(token).iss };
  } catch {
    // No header, no payload, or neither is JSON.
    return undefined;
  }
}

/** Media types have no case (RFC 2045 §5.1). */
function lowered(type: unknown): unknown {
  return typeof type === 'string' ? type.toLowerCase() : type;
}

function reasonOf(thrown: unknown): LogoutRefusal {
  if (thrown instanceof errors.JWTExpired) return 'expired';
  if (thrown instanceof errors.JWTClaimValidationFailed) return reasonOfClaim(thrown.claim);
  if (thrown instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  if (thrown instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (thrown instanceof errors.JWKSNoMatchingKey) return 'key';
  if (thrown instanceof errors.JWKSMultipleMatchingKeys) return 'key';
  return 'malformed';
}

function reasonOfClaim(claim: string): LogoutRefusal {
  switch (claim) {
    case 'aud':
      return 'audience';
    case 'iss':
      return 'issuer';
    case 'exp':
    case 'nbf':
      return 'expired';
    case 'iat':
      return 'issued_at';
    default:
      return 'malformed';
  }
}

/** What is left to check once the signature is right. */
function read(claims: JsonObject, provider: LogoutProvider): LogoutVerdict {
  if (own(claims, 'nonce') !== undefined) return refused('nonce');
  const events = own(claims, 'events');
  if (!isObject(events) || !isObject(own(events, eventName))) return refused('events');
  const tokenId = own(claims, 'jti');
  if (typeof tokenId !== 'string' || tokenId === '') return refused('token_id');
  const issuedAtS = own(claims, 'iat');
  if (typeof issuedAtS !== 'number') return refused('issued_at');
  const whose = subjectIn(claims);
  if (whose === undefined) return refused('subject');
  return { kind: 'logout', logout: { provider, tokenId, issuedAtS, ...whose } };
}

function subjectIn(claims: JsonObject): Pick<ProvenLogout, 'sid' | 'sub'> | undefined {
  const sid = own(claims, 'sid');
  const sub = own(claims, 'sub');
  if (!isAbsentOrText(sid) || !isAbsentOrText(sub)) return undefined;
  return sid === undefined && sub === undefined ? undefined : { sid, sub };
}

function isAbsentOrText(value: unknown): value is string | undefined {
  if (value === undefined) return true;
  return typeof value === 'string' && value !== '' && value.length <= maxBannedLength;
}

/** What a logout bans. Times are Unix seconds. */
export interface LogoutBan {
  readonly claim: string;
  readonly value: string;
  readonly untilS: number;
  readonly issuedBeforeS: number | undefined;
}

/**
 * A session's tokens, or where no session is named those of its user that were issued until then. It depends on the token
 * alone: the same token, come twice, to whatever replica, changes nothing.
 *
 * `iat` has whole seconds, so tokens of the very second of the logout are meant too; who signs in again within it has to
 * wait for the next.
 */
export function banOfLogout({ provider, issuedAtS, sid, sub }: ProvenLogout): LogoutBan {
  const { claims, banForSeconds } = provider;
  const secondS = Math.floor(issuedAtS);
  const untilS = secondS + banForSeconds;
  if (sid !== undefined) return { claim: claims.sid, value: sid, untilS, issuedBeforeS: undefined };
  return { claim: claims.sub, value: sub ?? '', untilS, issuedBeforeS: secondS + 1 };
}
