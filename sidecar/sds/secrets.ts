/** The secrets that rules ask for: a name for each audience, and behind it always the newest token. */
import { parseSpiffeId, type SpiffeId } from '#kernel/spiffe-id.ts';
import { secretName } from '../config/helper-contract.ts';
import type { Rule } from '../config/settings.ts';
import type { IssuedToken, TokenSource } from '../jwt/token-ports.ts';
import { versionOf } from './secret-version.ts';

/** What a name stands for now. */
export type SecretState =
  /** No rule asks for it. */
  | { readonly kind: 'unknown' }
  /** A rule does, but there is no token that can still be sent. */
  | { readonly kind: 'awaited' }
  | { readonly kind: 'held'; readonly version: string; readonly value: string };

export interface Secrets {
  /** @param nowS Unix seconds */
  find(name: string, nowS: number): SecretState;
  /** Calls back after each new token; returns how to stop. */
  onChange(listener: () => void): () => void;
}

/** As `RulePorts.tokensFor`. */
export type TokensFor = (
  audience: string,
  spiffeId: SpiffeId | undefined,
) => TokenSource | undefined;

/**
 * Seconds before its end from which a token counts as gone: Envoy must have the empty value before then. A push takes
 * it 20–150 ms; the rest is for a machine under load.
 */
export const expiryMarginS = 2;

const unknown: SecretState = { kind: 'unknown' };
const awaited: SecretState = { kind: 'awaited' };

/** The secrets of all rules that inject; their tokens are fetched from now on. */
export function secretsOf(rules: readonly Rule[], tokensFor: TokensFor): Secrets {
  const known = new Map<string, TokenSource>();
  for (const { audience, spiffeId } of rules.flatMap(tokensOf)) {
    const id = spiffeId === undefined ? undefined : parseSpiffeId(spiffeId);
    const source = tokensFor(audience, id);
    if (source !== undefined) known.set(secretName(audience, spiffeId), source);
  }
  const states = new WeakMap<IssuedToken, SecretState>();
  return {
    find: (name, nowS) => {
      const source = known.get(name);
      if (source === undefined) return unknown;
      const issued = source.current(nowS);
      if (issued === undefined || nowS >= issued.expiresAtS - expiryMarginS) return awaited;
      const state = states.get(issued) ?? heldState(issued);
      states.set(issued, state);
      return state;
    },
    onChange: (listener) => {
      const stops = [...known.values()].map((source) => source.onChange(listener));
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

interface WantedToken {
  readonly audience: string;
  readonly spiffeId: string | undefined;
}

/** The tokens that Envoy needs for a rule. Each mode says so here: one that is left out would be served without a word. */
function tokensOf(rule: Rule): readonly WantedToken[] {
  switch (rule.mode) {
    case 'inject':
      return [rule.audience, ...Object.values(rule.audienceByHost ?? {})]
        .filter((audience) => audience !== undefined)
        .map((audience) => ({ audience, spiffeId: rule.spiffeId }));
    case 'ban':
    case 'validate':
      return [];
    default:
      return rule satisfies never;
  }
}

/** No line end: Envoy below 1.40 would put it into the header. */
function heldState({ token, expiresAtS }: IssuedToken): SecretState {
  const value = `Bearer ${token}`;
  return { kind: 'held', value, version: versionOf(expiresAtS, value) };
}
