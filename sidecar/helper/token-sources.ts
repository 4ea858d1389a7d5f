/** The sources of tokens in use, one for each audience and SPIFFE ID, kept through reloads. */
import type { SpiffeId } from '#kernel/spiffe-id.ts';
import { OwnTokens } from '../jwt/own-tokens.ts';
import type { IssuedToken, TokenSource } from '../jwt/token-ports.ts';

/** A source that runs until it is closed. */
export interface RunningSource extends TokenSource {
  close(): void;
}

export interface SourceState {
  readonly audience: string;
  /** Where the rule asks for one of several identities. */
  readonly spiffeId?: SpiffeId | undefined;
  readonly token: IssuedToken | undefined;
  readonly problem: string | undefined;
  /** False for an audience that only a route names: the workload does not depend on it. */
  readonly isRequired: boolean;
}

interface Entry {
  readonly audience: string;
  readonly spiffeId: SpiffeId | undefined;
  readonly source: RunningSource;
  isRequired: boolean;
}

/** Audiences that routes may add to those in the settings: they come with requests, so they are bounded. */
const maxRouteAudiences = 64;

export class TokenSources {
  readonly #entries = new Map<string, Entry>();
  readonly #open: (audience: string, spiffeId: SpiffeId | undefined) => RunningSource;
  /** All that any source has given, also those that are closed. */
  readonly own = new OwnTokens();
  #isSettingUp = false;
  #touched = new Set<string>();

  /** @param open makes a source and starts it. */
  constructor(open: (audience: string, spiffeId: SpiffeId | undefined) => RunningSource) {
    this.#open = open;
  }

  /** Sources asked for while `setUp` runs belong to the settings; those that nobody asked for are closed after it. */
  settingUp<T>(setUp: () => T): T {
    this.#isSettingUp = true;
    this.#touched = new Set();
    try {
      const result = setUp();
      for (const [key, { source }] of this.#entries) {
        if (this.#touched.has(key)) continue;
        source.close();
        this.#entries.delete(key);
      }
      return result;
    } finally {
      this.#isSettingUp = false;
    }
  }

  tokensFor(audience: string, spiffeId: SpiffeId | undefined): TokenSource | undefined {
    const key = JSON.stringify([spiffeId ?? null, audience]);
    const entry = this.#entries.get(key) ?? this.#add(key, audience, spiffeId);
    if (this.#isSettingUp && entry !== undefined) {
      this.#touched.add(key);
      entry.isRequired = true;
    }
    return entry?.source;
  }

  states(nowS: number): readonly SourceState[] {
    return [...this.#entries.values()].map(({ audience, spiffeId, source, isRequired }) => ({
      audience,
      spiffeId,
      isRequired,
      token: source.current(nowS),
      problem: source.problem(),
    }));
  }

  forgetExpired(nowS: number): void {
    this.own.forgetExpired(nowS);
  }

  close(): void {
    for (const { source } of this.#entries.values()) source.close();
    this.#entries.clear();
  }

  #add(key: string, audience: string, spiffeId: SpiffeId | undefined): Entry | undefined {
    if (!this.#isSettingUp) {
      const ofRoutes = [...this.#entries.values()].filter(({ isRequired }) => !isRequired);
      if (ofRoutes.length >= maxRouteAudiences) return undefined;
    }
    const source = this.#open(audience, spiffeId);
    const entry = { audience, spiffeId, source, isRequired: false };
    this.#entries.set(key, entry);
    this.#learn(source);
    source.onChange(() => {
      this.#learn(source);
    });
    return entry;
  }

  /** Before anybody can send it: the agent may give a token that an earlier helper has sent already. */
  #learn(source: RunningSource): void {
    // At the beginning of time, so that a token counts however late it is.
    const issued = source.current(-Infinity);
    if (issued !== undefined) this.own.add(issued);
  }
}
