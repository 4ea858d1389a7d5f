/** The page on which a helper says what it has in hand. @see sidecar/helper/identities-page.ts */
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import type { HeldIdentities, HeldToken } from './facts.ts';

/** Undefined when it is some other page: a stranger may listen on that port. */
export function readHeld(page: JsonObject): HeldIdentities | undefined {
  if (!Array.isArray(page['tokens'])) return undefined;
  const trustDomains = listAt(page, 'trustDomains').filter((each) => typeof each === 'string');
  return {
    tokens: listAt(page, 'tokens').filter(isObject).map(tokenOf),
    trustDomains: own(page, 'trustDomains') === undefined ? undefined : trustDomains,
  };
}

function tokenOf(told: JsonObject): HeldToken {
  const spiffeId = stringAt(told, 'spiffeId');
  const issuer = stringAt(told, 'issuer');
  const problem = stringAt(told, 'problem');
  const validUntilS = told['validUntil'];
  return {
    audience: stringAt(told, 'audience') ?? '',
    ...(spiffeId === undefined ? {} : { spiffeId }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(typeof validUntilS === 'number' ? { validUntilS } : {}),
    ...(problem === undefined ? {} : { problem }),
  };
}
