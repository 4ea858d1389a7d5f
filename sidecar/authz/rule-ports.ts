/** What the rules need from outside, so that this folder stays values in, values out. */
import type { SpiffeId } from '#kernel/spiffe-id.ts';
import type { TokenSource, TokenVerifier } from '../jwt/token-ports.ts';
import type { AuthzOutcome } from './outcomes.ts';

export interface RulePorts {
  /**
   * The source of tokens for an audience; the same one for the same arguments. Starts fetching on first use.
   * Undefined when so many audiences are in use that no further one is taken.
   */
  tokensFor(audience: string, spiffeId: SpiffeId | undefined): TokenSource | undefined;
  /** Whether the helper itself gave this token out, and it can still count somewhere. */
  isOwnToken(token: string, nowS: number): boolean;
  /** A verifier for a set of audiences; the same one for the same set, in any order. Undefined when there are too many. */
  verifierFor(audiences: readonly string[]): TokenVerifier | undefined;
  /** Where a rule's outcomes are counted; the same one for the same name. */
  tallyFor(rule: string): Tally;
  /** Resolves after that many milliseconds. */
  pause(ms: number): Promise<void>;
}

/** Counts outcomes. Must not throw. */
export interface Tally {
  add(outcome: AuthzOutcome): void;
}

/** What the transport knows about a check beside its bytes. */
export interface CheckMetadata {
  /** The gRPC metadata `svidecar-rule`; undefined when absent. */
  readonly rule: string | undefined;
}

/** Decides a check. Knows nothing of the transport. */
export interface CheckHandler {
  /**
   * @param request a CheckRequest's bytes; not kept. @param nowS Unix seconds.
   * @returns a CheckResponse's bytes, shared between calls. Never throws and never rejects: trouble is a refusal.
   */
  check(request: Buffer, metadata: CheckMetadata, nowS: number): Buffer | Promise<Buffer>;
}
