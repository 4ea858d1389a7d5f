/** What became of a check: stable ids, used as metric labels and in dynamic metadata. */
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

/** Words for people: what was wrong. They begin where "RULE: " ends. */
export const refusalWords: Readonly<Record<RefuseOutcome, string>> = {
  authorization_present: 'the request already has an Authorization header',
  banned: 'banned',
  caller_not_allowed: 'the token is valid, but its SPIFFE ID may not call this service',
  check_unreadable: 'the check is not a CheckRequest with an HTTP request in it',
  internal: 'the check could not be carried out',
  no_token_yet: 'there is no token to send',
  not_bearer: 'the Authorization header is not "Bearer", one space and a token',
  route_settings:
    'the route\'s context_extensions hold a svidecar- key or value that is not known; known are svidecar-audience and svidecar-skip ("true" or "false")',
  rule_unknown: 'the rule that the filter names in svidecar-rule is not in the settings',
  several_authorizations: 'there is more than one Authorization header',
  several_rules: 'there are several rules, and the filter does not name one in svidecar-rule',
  token_missing: 'there is no Authorization header',
  too_long: 'the token is too long',
  malformed: 'the token is not a signed JWT in compact form',
  algorithm: 'the token is signed with an algorithm that is not allowed',
  type: 'the token has a type other than JWT or JOSE',
  critical_header: 'the token demands a header extension that is not known',
  subject: "the token's subject is not a SPIFFE ID",
  audience: 'the token is meant for another audience',
  no_expiry: 'the token has no expiry',
  expired: 'the token has expired',
  not_yet_valid: 'the token is not valid yet',
  issued_in_future: 'the token was issued in the future',
  no_bundle: "there is no bundle for the token's trust domain",
  no_key: "the trust domain's bundle has no key for the token",
  signature: "the token's signature is wrong",
};

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
