/** Whether the user of a request is banned: the very rule `ban` of the helper, asked over HTTP. */
import type { Clock } from '#kernel/clock.ts';
import { banRule, type BanPorts } from '../../sidecar/authz/ban-rule.ts';
import type { AllowOutcome, RefuseOutcome } from '../../sidecar/authz/outcomes.ts';
import { headerValues, viewOf, type HeadersOfRequest } from './header-values.ts';
import { Problem } from '../service/problem.ts';
import type { FollowedStore, ServiceSettings } from '../service/service-settings.ts';

/** @param request with the headers of the one that a helper asks about @returns whether it is banned @throws {Problem} where that is not known */
export type CheckJudge = (request: HeadersOfRequest) => Promise<boolean>;

/** Lists that are followed, as a helper with the same store has them. */
export type FollowedLists = Pick<BanPorts, 'banListIn' | 'banListAt'>;

export interface CheckJudgeOptions {
  readonly check: NonNullable<ServiceSettings['check']>;
  readonly store: FollowedStore;
  readonly lists: FollowedLists;
  readonly clock: Clock;
}

/** Nothing was looked up: whoever asks must not take that for an answer. */
const unknown: ReadonlySet<AllowOutcome | RefuseOutcome> = new Set<AllowOutcome | RefuseOutcome>([
  'ban_list_missing',
  'ban_not_carried_out',
  'store_away',
  'store_busy',
  'store_slow',
]);

export function checkJudge({ check, store, lists, clock }: CheckJudgeOptions): CheckJudge {
  const { claims, cookie } = check;
  const rule = banRule(
    { name: 'check', mode: 'ban', claims, cookie, store, body: '' },
    {
      banListIn: (file) => lists.banListIn(file),
      banListAt: (settings) => lists.banListAt(settings),
      banServiceAt: asksNoOther,
    },
  );
  return async (request) => {
    const view = viewOf(headerValues(request, 'authorization'), headerValues(request, 'cookie'));
    const { outcome } = await rule.decide(view, { kind: 'unchanged' }, clock.now() / 1_000);
    if (unknown.has(outcome))
      throw new Problem('store_away', 'there is no list of bans to look at', { retryAfterS: 1 });
    return outcome === 'banned';
  };
}

function asksNoOther(): never {
  throw new TypeError('a check asks no other service');
}
