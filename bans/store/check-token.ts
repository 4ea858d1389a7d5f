/** Asks a store about a token, as a helper whose list it is would decide. */
import { isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import { banMeaning } from '../../sidecar/config/ban-meaning.ts';
import { claimAt, claimPath } from '../../sidecar/config/ban-values.ts';
import { unverifiedClaims } from '../../sidecar/jwt/unverified-claims.ts';
import { keyOf, type BanStore, type StoredBan } from './ban-store.ts';

export type TokenAnswer =
  | { readonly kind: 'banned'; readonly ban: StoredBan }
  | { readonly kind: 'not_banned' }
  /** It has none of the claims, with a value that could be on a list. */
  | { readonly kind: 'claim_missing' }
  /** A ban of older tokens was found, and the token does not say when it was issued. */
  | { readonly kind: 'issued_at_missing' }
  | { readonly kind: 'token_unreadable' };

/** Its signature is not looked at. @param claims names and JSON pointers. @throws {AppError} as {@link BanStore.get} */
export async function checkToken(
  store: Pick<BanStore, 'get'>,
  token: string,
  claims: readonly string[],
): Promise<TokenAnswer> {
  const held = unverifiedClaims(token);
  if (held === undefined) return { kind: 'token_unreadable' };
  let answer: TokenAnswer = { kind: 'claim_missing' };
  for (const claim of claims) {
    const value = valueAt(held, claim);
    if (value === undefined) continue;
    const found = met(await store.get(claim, value), own(held, 'iat'));
    if (found.kind === 'banned') return found;
    if (answer.kind !== 'issued_at_missing') answer = found;
  }
  return answer;
}

/** What can be on a list, as a text. */
function valueAt(held: JsonObject, claim: string): string | undefined {
  const path = claimPath(claim);
  const value = path === undefined ? undefined : claimAt(held, path);
  if (typeof value === 'string') return isBannable(claim, value) ? value : undefined;
  return Number.isSafeInteger(value) && !isObject(value) ? String(Number(value)) : undefined;
}

function isBannable(claim: string, value: string): boolean {
  try {
    keyOf(claim, value);
    return true;
  } catch {
    // Empty, or too long.
    return false;
  }
}

function met(bans: readonly StoredBan[], issuedAt: Json | undefined): TokenAnswer {
  const ban = banMeaning(bans, issuedAt);
  return typeof ban === 'string' ? { kind: ban } : { kind: 'banned', ban };
}
