/**
 * The JWT keys of each trust domain as a page, for Envoy's jwt_authn filter.
 * @see docs/adr/0055-a-key-set-is-never-empty.md
 */
import { generateKeyPairSync } from 'node:crypto';
import { trustDomainFault, parseTrustDomain } from '#kernel/spiffe-id.ts';
import { trustDomainOfJwksPath } from '../config/helper-contract.ts';
import { keySetOf, publicJwk, type PublicJwk } from '../jwt/key-set.ts';
import type { BundleSource, JwtBundle } from '../jwt/token-ports.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { HttpPage } from '../server/plain-answer.ts';

/** Seconds that keys may be kept where the bundle has no hint, as for verdicts of our own. */
const defaultMaxAgeS = 60;
/** Seconds: the least and the most that a hint may ask for, so that it can neither press us nor keep a revoked key alive. */
const maxAgeLimits = { least: 5, most: 300 } as const;
/** Key id of the key that takes the place of keys that are gone. */
const nobodysKeyId = 'svidecar-no-key';

type Result = 'keys' | 'no_keys' | 'waiting' | 'not_found';

/** Before its first update a source knows no trust domain, which does not mean that none is trusted. */
export interface KeySource extends Pick<BundleSource, 'bundleFor'> {
  readonly hasState: boolean;
}

export class KeyPages {
  readonly #bundles: () => KeySource | undefined;
  readonly #pages = new WeakMap<JwtBundle, HttpPage>();
  readonly #counts: Record<Result, number> = { keys: 0, no_keys: 0, waiting: 0, not_found: 0 };
  #noKeys: HttpPage | undefined;

  /** @param bundles undefined while no rule validates. */
  constructor(bundles: () => KeySource | undefined) {
    this.#bundles = bundles;
  }

  readonly page = (path: string): HttpPage | undefined => {
    const name = trustDomainOfJwksPath(path);
    if (name === undefined) return undefined;
    const { result, page } = this.#answer(name);
    this.#counts[result] += 1;
    return page;
  };

  family(): MetricFamily {
    const samples = Object.entries(this.#counts).map(([result, value]) => ({
      labels: { result },
      value,
    }));
    const help = 'Requests for JWT keys, by answer.';
    return { name: 'svidecar_jwks_requests_total', help, type: 'counter', samples };
  }

  #answer(name: string): { readonly result: Result; readonly page: HttpPage } {
    const bundles = this.#bundles();
    if (bundles === undefined || trustDomainFault(name) !== undefined)
      return { result: 'not_found', page: plain(404, 'there are no keys here\n') };
    // Envoy asks again in a second; an answer without keys it would keep for longer.
    if (!bundles.hasState)
      return { result: 'waiting', page: plain(503, 'there are no JWT bundles yet\n') };
    const bundle = bundles.bundleFor(parseTrustDomain(name));
    const page = bundle === undefined ? undefined : this.#pageOf(bundle);
    return page === undefined
      ? { result: 'no_keys', page: this.#withoutKeys() }
      : { result: 'keys', page };
  }

  /** Made once for each bundle: tokens with made-up key IDs make Envoy ask again and again. */
  #pageOf(bundle: JwtBundle): HttpPage | undefined {
    const known = this.#pages.get(bundle);
    if (known !== undefined) return known;
    const keys = keySetOf(bundle);
    if (keys.length === 0) return undefined;
    const page = keyPage(keys, bundle.refreshHintS);
    this.#pages.set(bundle, page);
    return page;
  }

  /** A set without keys is an error to Envoy, which then keeps the old ones: it gets a key whose private half is thrown away. */
  #withoutKeys(): HttpPage {
    if (this.#noKeys !== undefined) return this.#noKeys;
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#noKeys = keyPage([publicJwk(publicKey, nobodysKeyId, 'ES256')], undefined);
    return this.#noKeys;
  }
}

function keyPage(keys: readonly PublicJwk[], hintS: number | undefined): HttpPage {
  const { least, most } = maxAgeLimits;
  const maxAgeS = Math.min(most, Math.max(least, Math.floor(hintS ?? defaultMaxAgeS)));
  return {
    status: 200,
    contentType: 'application/jwk-set+json',
    cacheControl: `max-age=${maxAgeS}`,
    body: JSON.stringify({ keys }),
  };
}

function plain(status: number, body: string): HttpPage {
  return { status, contentType: 'text/plain', cacheControl: 'no-store', body };
}
