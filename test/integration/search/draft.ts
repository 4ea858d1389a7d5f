/** One configuration in the making: what it has is drawn by chance, and said. */
import * as arb from 'fast-check';
import type fc from 'fast-check';

/** Each as likely as any other: small numbers are no more interesting here. */
const anyBelow = (limit: number): fc.Arbitrary<number> => arb.noBias(arb.nat(limit - 1));

export class Draft {
  /** What is unusual in it, for people. */
  readonly features: string[] = [];
  /** Further files, by name. */
  readonly files: Record<string, string> = {};
  /** Whether a route may lead to the first listener. */
  mayLeadBack = false;
  readonly #g: fc.GeneratorValue;

  constructor(g: fc.GeneratorValue) {
    this.#g = g;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return this.#g(anyBelow, limit);
  }

  /** Whether something that `share` of 100 configurations have is in this one; said as a feature. */
  has(share: number, feature: string): boolean {
    const is = this.below(100) < share;
    if (is) this.features.push(feature);
    return is;
  }

  /** One of the named values, said as a feature. */
  one<T>(what: string, values: Readonly<Record<string, T>>): T {
    const entries = Object.entries(values);
    const entry = entries[this.below(entries.length)];
    if (entry === undefined) throw new RangeError('nothing to choose from');
    this.features.push(`${what} ${entry[0]}`);
    return entry[1];
  }
}
