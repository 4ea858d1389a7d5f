/** Why an RSA public key must not be trusted, although its arithmetic works. Takes microseconds. */

export type RsaFault = 'modulus_bits' | 'modulus' | 'exponent' | 'roca';

/** Bits of a modulus. Smaller ones are forbidden by RFC 7518 §3.3; larger ones cost more than a check may. */
const modulusBits = { least: 2_048, most: 8_192 } as const;
/**
 * FIPS 186-5 §5.4: odd, and more than 2^16. With 1 every signature is its own message; even ones have no private half; a small
 * one leaves everything to the padding's check. The upper end is BoringSSL's, which Envoy uses for the native data path.
 */
const exponents = { least: 65_537n, beyond: 2n ** 33n } as const;
/**
 * The primes of the product that Infineon's library made its primes from, for keys from 1,984 bits on (Nemec et al., "The Return
 * of Coppersmith's Attack", CCS 2017): of each such prime, and so of the modulus, the remainder is a power of 65,537.
 */
const largestRocaPrime = 701;
const rocaGenerator = 65_537;

export function rsaFault(modulus: bigint, exponent: bigint): RsaFault | undefined {
  const bits = modulus.toString(16).length * 4;
  // Counted in half bytes first, so that an absurdly long one costs nothing more.
  if (bits > modulusBits.most + 3) return 'modulus_bits';
  const exact = modulus.toString(2).length;
  if (exact < modulusBits.least || exact > modulusBits.most) return 'modulus_bits';
  if (exponent < exponents.least || exponent >= exponents.beyond || exponent % 2n === 0n)
    return 'exponent';
  if (modulus % 2n === 0n) return 'modulus';
  const remainders = smallPrimes.map((prime) => ({
    prime,
    remainder: Number(modulus % BigInt(prime)),
  }));
  if (remainders.some(({ remainder }) => remainder === 0)) return 'modulus';
  // For a modulus chosen at random it is so for all of them once in 2^154, and most of the time not for the first ones.
  return remainders.every(isPowerOfGenerator) ? 'roca' : undefined;
}

function isPrime(candidate: number): boolean {
  for (let divisor = 2; divisor * divisor <= candidate; divisor += 1)
    if (candidate % divisor === 0) return false;
  return true;
}

interface Remainder {
  readonly prime: number;
  readonly remainder: number;
}

/** Tried one by one: a table of all powers would be the largest thing in a helper's memory. */
function isPowerOfGenerator({ prime, remainder }: Remainder): boolean {
  let power = 1;
  do {
    if (power === remainder) return true;
    power = (power * rocaGenerator) % prime;
  } while (power !== 1);
  return false;
}

const smallPrimes: readonly number[] = Array.from(
  { length: largestRocaPrime - 2 },
  (_, index) => index + 3,
).filter(isPrime);
