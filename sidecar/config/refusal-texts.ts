/** Why a helper refuses: shared by whoever decides, and whoever shows what was decided. */

/** What a helper refuses a request for, and in words for people: what was wrong. They begin where "RULE: " ends. */
export const refusalTexts = {
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
} as const;
