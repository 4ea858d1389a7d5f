/** The page on which a helper says what it has in hand. @see sidecar/helper/identities-page.ts */
import { isObject, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { own } from '#kernel/members.ts';
import type { HeldIdentities, HeldToken } from './facts.ts';

/** Of one helper; whoever writes the pod can write the page too. */
const maxTokens = 100;
/** The last second that a date can say. @see ECMAScript, Time Values */
const lastSecond = 8_640_000_000_000;

/** Undefined when it is some other page: a stranger may listen on that port. */
export function readHeld(page: JsonObject): HeldIdentities | undefined {
  if (!Array.isArray(page['tokens'])) return undefined;
  const trustDomains = listAt(page, 'trustDomains').filter((each) => typeof each === 'string');
  const keysProblem = stringAt(page, 'keysProblem');
  return {
    tokens: listAt(page, 'tokens').filter(isObject).slice(0, maxTokens).map(tokenOf),
    trustDomains: own(page, 'trustDomains') === undefined ? undefined : trustDomains,
    ...(keysProblem === undefined ? {} : { keysProblem }),
  };
}

function tokenOf(told: JsonObject): HeldToken {
  const spiffeId = stringAt(told, 'spiffeId');
  const issuer = stringAt(told, 'issuer');
  const problem = stringAt(told, 'problem');
  const validUntilS = secondAt(told, 'validUntil');
  return {
    audience: stringAt(told, 'audience') ?? '',
    ...(spiffeId === undefined ? {} : { spiffeId }),
    ...(issuer === undefined ? {} : { issuer }),
    ...(validUntilS === undefined ? {} : { validUntilS }),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Undefined where no date can be made of it. */
function secondAt(told: JsonObject, key: string): number | undefined {
  const value = own(told, key);
  return typeof value === 'number' && value >= 0 && value <= lastSecond ? value : undefined;
}
