import { expect, test } from 'vitest';
import { decodeHuffman } from '../../../../sidecar/http2/huffman.ts';

function decoded(hex: string): string | undefined {
  const bytes = Buffer.from(hex, 'hex');
  return decodeHuffman(bytes, 0, bytes.length);
}

// RFC 7541 appendix C.4 and C.6.
test.each([
  ['f1e3c2e5f23a6ba0ab90f4ff', 'www.example.com'],
  ['a8eb10649cbf', 'no-cache'],
  ['25a849e95ba97d7f', 'custom-key'],
  ['25a849e95bb8e8b4bf', 'custom-value'],
  ['d07abe941054d444a8200595040b8166e082a62d1bff', 'Mon, 21 Oct 2013 20:13:21 GMT'],
  ['9d29ad171863c78f0b97c8e9ae82ae43d3', 'https://www.example.com'],
  ['', ''],
])('%s is %s', (hex, text) => {
  expect(decoded(hex)).toBe(text);
});

test.each([
  ['the end of a string inside it', 'ffffffff'],
  ['a whole byte that fills', 'f1e3c2e5f23a6ba0ab90f4ffff'],
  ['zeros that fill', '00'],
])('%s is none', (_name, hex) => {
  expect(decoded(hex)).toBeUndefined();
});

test('only what stands between the bounds is read', () => {
  const bytes = Buffer.from('00a8eb10649cbf00', 'hex');
  expect(decodeHuffman(bytes, 1, 7)).toBe('no-cache');
});
