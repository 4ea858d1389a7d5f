/** The sources of tokens in use, one for each audience and SPIFFE ID, kept through reloads. */
import type { SpiffeId } from '#kernel/spiffe-id.ts';
import type { IssuedToken, TokenSource } from '../jwt/ports.ts';

/** A source that runs until it is closed. */
export interface RunningSource extends TokenSource {
  close(): void;
}

export interface SourceState {
  readonly audience: string;
  readonly token: IssuedToken | undefined;
  readonly problem: string | undefined;
  /** False for an audience that only a route names: the workload does not depend on it. */
  readonly isRequired: boolean;
}

interface Entry {
  readonly audience: string;
  readonly source: RunningSource;
  isRequired: boolean;
}

/** Audiences that routes may add to those in the settings: they come with requests, so they are bounded. */
const maxRouteAudiences = 64;

export class TokenSources {
  readonly #entries = new Map<string, Entry>();
  readonly #open: (audience: string, spiffeId: SpiffeId | undefined) => RunningSource;
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
    const key = `${spiffeId ?? ''}\n${audience}`;
    const entry = this.#entries.get(key) ?? this.#add(key, audience, spiffeId);
    if (this.#isSettingUp && entry !== undefined) {
      this.#touched.add(key);
      entry.isRequired = true;
    }
    return entry?.source;
  }

  states(nowS: number): readonly SourceState[] {
    return [...this.#entries.values()].map(({ audience, source, isRequired }) => ({
      audience,
      isRequired,
      token: source.current(nowS),
      problem: source.problem(),
    }));
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
    const entry = { audience, source: this.#open(audience, spiffeId), isRequired: false };
    this.#entries.set(key, entry);
    return entry;
  }
}
