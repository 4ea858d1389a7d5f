/** What became of a check: stable ids, used as metric labels and in dynamic metadata. */
import { refusalTexts } from '../config/refusal-texts.ts';
import type { RefusalReason } from '../jwt/token-ports.ts';

/** Why a check was refused, beyond what is wrong with a token. */
type RuleRefusal =
  | 'authorization_present'
  | 'banned'
  | 'caller_not_allowed'
  | 'check_unreadable'
  | 'internal'
  | 'no_token_yet'
  | 'not_bearer'
  | 'route_settings'
  | 'rule_unknown'
  | 'several_authorizations'
  | 'several_rules'
  | 'token_missing';

/** Why a rule that bans let a request pass that it is about: anything but a ban that is known and meant. */
type NotBanned =
  | 'ban_list_missing'
  | 'ban_not_carried_out'
  | 'claim_missing'
  | 'issued_at_missing'
  | 'no_token'
  | 'not_banned'
  | 'store_away'
  | 'store_busy'
  | 'store_slow'
  | 'token_unreadable';

/**
 * `allowed`: injected or verified; `passed`: the rule has nothing to do here; `skipped`: by path or route; `taken_off`: the
 * same, but the request brought a token of the helper's own, which went no further.
 */
export type AllowOutcome = 'allowed' | 'passed' | 'skipped' | 'taken_off' | NotBanned;
export type RefuseOutcome = RuleRefusal | RefusalReason;
export type AuthzOutcome = AllowOutcome | RefuseOutcome;

/** @see refusalTexts: each refusal has its words, and nothing else has. */
export const refusalWords: Readonly<Record<RefuseOutcome, string>> = refusalTexts;

/** Every outcome, in the order in which metrics list them. */
export const outcomes: readonly AuthzOutcome[] = [
  'allowed',
  'passed',
  'skipped',
  'taken_off',
  'not_banned',
  'no_token',
  'token_unreadable',
  'claim_missing',
  'issued_at_missing',
  'ban_list_missing',
  'store_away',
  'store_busy',
  'store_slow',
  'ban_not_carried_out',
  // The keys of a complete record are the members of its key type.
  ...(Object.keys(refusalWords) as RefuseOutcome[]),
];
