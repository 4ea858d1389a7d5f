/**
 * What a rule decides about one check: a value, so that a rule can stand in front of another and be tested without bytes.
 * `answer.ts` makes the CheckResponse from it, once for each value: a rule gives the same object for the same answer.
 */
import type { CheckView, WantedOfCheck } from './read-check.ts';
import type { RouteSettings } from './route-overrides.ts';
import { refusalWords, type AllowOutcome, type RefuseOutcome } from './outcomes.ts';

/** Shown to access logs and RBAC under the namespace `envoy.filters.http.ext_authz`. */
export type Metadata = Readonly<Record<string, string | number>>;

/** The request goes on, with these changes. */
interface AllowDecision {
  readonly kind: 'allow';
  readonly outcome: AllowOutcome;
  /** Request headers that replace whatever the client sent under these names. */
  readonly set?: Readonly<Record<string, string>>;
  /** Request headers that are taken away. */
  readonly remove?: readonly string[];
  /** The rule's name is added to it; absent: none is sent. */
  readonly metadata?: Metadata;
}

/** The request ends here. */
interface RefuseDecision {
  readonly kind: 'refuse';
  readonly outcome: RefuseOutcome;
  /** What was wrong, for the client; never a token, key or claim value. */
  readonly words: string;
  /** What the client gets to read instead of them. */
  readonly body?: string;
  /** Beside the rule's name and the outcome. */
  readonly metadata?: Metadata;
}

export type RuleDecision = AllowDecision | RefuseDecision;

/** A rule of the settings, in force. */
export interface PreparedRule {
  /** Request header that only this rule may set, in lower case; names that a server could take for it are in `lookalikes`. */
  readonly watchedHeader?: string | undefined;
  /** Whether its checks look at cookies: for others they are not read. */
  readonly readsCookies?: boolean;
  /** Whose claims its checks look at. */
  readonly payload?: WantedOfCheck['payload'];
  /** What is decided about a check that cannot be carried out; absent: it is refused. */
  readonly inTrouble?: RuleDecision;
  /** @param nowS Unix seconds. May throw or reject: that is trouble. */
  decide(view: CheckView, route: RouteSettings, nowS: number): RuleDecision | Promise<RuleDecision>;
}

/** A refusal with words of its own. */
export function refuse(outcome: RefuseOutcome, words: string): RuleDecision {
  return { kind: 'refuse', outcome, words };
}

/** The refusal for each reason, in the usual words. */
export const refusals = Object.fromEntries(
  Object.entries(refusalWords).map(([outcome, words]) => [
    outcome,
    // The keys of a complete record are the members of its key type.
    refuse(outcome as RefuseOutcome, words),
  ]),
  // One entry was made for every key.
) as Readonly<Record<RefuseOutcome, RuleDecision>>;
