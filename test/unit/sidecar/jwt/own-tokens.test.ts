import { expect, test } from 'vitest';
import { OwnTokens } from '../../../../sidecar/jwt/own-tokens.ts';

test('knows tokens byte for byte, up to two minutes past their end', () => {
  const own = new OwnTokens();
  own.add({ token: 'a.b.c', expiresAtS: 100 });
  expect(own.find('a.b.c', 219).kind).toBe('listed');
  expect(own.find('a.b.c', 220).kind).toBe('not_known');
  expect(own.find('a.b.C', 50).kind).toBe('not_known');
});

test('forgets what can count nowhere any more, and the oldest when there are too many', () => {
  const own = new OwnTokens();
  for (let index = 0; index < 20_000; index += 1)
    own.add({ token: `t${index}`, expiresAtS: index < 10_000 ? 100 : 1_000 });
  expect(own.size).toBe(16_384);
  expect(own.find('t0', 50).kind).toBe('not_known');
  expect(own.find('t19999', 50).kind).toBe('listed');
  own.forgetExpired(500);
  expect(own.size).toBe(10_000);
});
