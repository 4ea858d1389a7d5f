import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { rsaFault } from '../../../../sidecar/jwt/rsa-faults.ts';

const usual = 65_537n;
const bits = (count: number): bigint => 2n ** BigInt(count) - 1n;
function modulusOf(modulusLength: number): bigint {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength });
  const { n = '' } = publicKey.export({ format: 'jwk' });
  return BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);
}
const good = modulusOf(2_048);

/** The product of the first `count` primes. */
function primorial(count: number): bigint {
  let product = 1n;
  for (let candidate = 2, found = 0; found < count; candidate += 1) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= candidate; divisor += 1)
      if (candidate % divisor === 0) isPrime = false;
    if (!isPrime) continue;
    product *= BigInt(candidate);
    found += 1;
  }
  return product;
}

/** A number as Infineon's library would have taken for a prime: `k * M + (65537^a mod M)`. */
function likeInfineons(wanted: number, exponent: number): bigint {
  const product = primorial(126);
  let power = 1n;
  for (let index = 0; index < exponent; index += 1) power = (power * usual) % product;
  return (bits(wanted) / product) * product - 2n * product + power;
}

describe('an RSA key', () => {
  test('as SPIRE makes them has no fault', () => {
    expect(rsaFault(good, usual)).toBeUndefined();
    expect(rsaFault(modulusOf(3_072), usual)).toBeUndefined();
    expect(rsaFault(good, 2n ** 33n - 1n)).toBeUndefined();
  });

  test.each([0n, 1n, 2n, 3n, 17n, 257n, 65_535n, 65_536n, 65_538n, 2n ** 33n + 1n, good])(
    'with exponent %d is unsafe',
    (exponent) => {
      expect(rsaFault(good, exponent)).toBe('exponent');
    },
  );

  test.each([0n, 1n, bits(1_024), bits(2_047), bits(8_193), bits(30_000)])(
    'of a length that is not taken',
    (modulus) => {
      expect(rsaFault(modulus, usual)).toBe('modulus_bits');
    },
  );

  test.each([2n, 3n, 5n, 701n])('whose modulus has the factor %d is none', (factor) => {
    expect(rsaFault((bits(2_060) / factor) * factor, usual)).toBe('modulus');
  });

  test.each([
    [1_024, 7, 300],
    [1_025, 1, 2],
    [1_536, 63, 64],
  ])(
    'of the library with the ROCA weakness is found (primes of %d bits)',
    (length, first, second) => {
      const modulus = likeInfineons(length, first) * likeInfineons(length, second);
      expect(rsaFault(modulus, usual)).toBe('roca');
      // One more, and it has another remainder everywhere.
      expect(rsaFault(modulus + 2n, usual)).not.toBe('roca');
    },
  );
});
