/** What stands in for Node's own in a browser gives the same bytes. */
import { createHmac, hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Buffer as BrowserBuffer } from '../../../../webhook/pages/workbench/browser-buffer.ts';
import * as browserCrypto from '../../../../webhook/pages/workbench/browser-crypto.ts';

const anyText = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }));
const key = Buffer.from('a key');

test('hashes', () => {
  fc.assert(
    fc.property(anyText, fc.constantFrom('hex' as const, 'base64' as const), (text, encoding) => {
      const wanted = hash('sha256', text, encoding);
      expect(browserCrypto.hash('sha256', text, encoding)).toBe(wanted);
      const mac = createHmac('sha256', key).update(text).digest('base64url');
      expect(browserCrypto.createHmac('sha256', key).update(text).digest('base64url')).toBe(mac);
    }),
  );
});

test('lengths, and texts as bytes and back', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(BrowserBuffer.byteLength(text)).toBe(Buffer.byteLength(text));
      expect([...BrowserBuffer.from(text)]).toEqual([...Buffer.from(text)]);
      expect(BrowserBuffer.from(text).toString()).toBe(Buffer.from(text).toString());
      expect(BrowserBuffer.from(text).toString('base64')).toBe(
        Buffer.from(text).toString('base64'),
      );
      expect(BrowserBuffer.from(text).toString('latin1')).toBe(
        Buffer.from(text).toString('latin1'),
      );
    }),
  );
});

test('base64, also as people break it', () => {
  const letter = fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '+', '/', '-', '_', ' ', '\n', '*');
  const base64 = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
    fc.string({ unit: letter }),
    fc
      .tuple(fc.string({ unit: letter }), fc.constantFrom('=', '=='))
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(base64, (text) => {
      expect([...BrowserBuffer.from(text, 'base64')]).toEqual([...Buffer.from(text, 'base64')]);
      expect(BrowserBuffer.byteLength(text, 'base64')).toBe(Buffer.byteLength(text, 'base64'));
    }),
  );
});

test('what is not looked at is counted, once', () => {
  expect(browserCrypto.takeUnread()).toEqual([]);
  expect(new browserCrypto.X509Certificate().ca).toBe(true);
  expect(browserCrypto.createPublicKey().type).toBe('public');
  expect(browserCrypto.takeUnread()).toEqual(['certificate', 'key']);
  expect(browserCrypto.takeUnread()).toEqual([]);
});
