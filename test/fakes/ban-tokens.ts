/** Tokens as a stranger can write them: nobody checks their signature. */
import { setMember } from '#kernel/members.ts';

/** An unsigned JWT with these claims, in compact form. */
export function bareToken(claims: unknown): string {
  return tokenOf(JSON.stringify(claims));
}

/** The same with a payload that may be no JSON. */
export function tokenOf(payload: string): string {
  const part = (text: string): string => Buffer.from(text).toString('base64url');
  return `${part('{"alg":"none"}')}.${part(payload)}.c2ln`;
}

/** `{"a":{"a":…1}}`, so deep. */
export function deepJson(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
}

/** Claims with one member of any name. */
export function claimsWith(name: string, value: unknown): object {
  const claims: Record<string, unknown> = {};
  setMember(claims, name, value);
  return claims;
}
