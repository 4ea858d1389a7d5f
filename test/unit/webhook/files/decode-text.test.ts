import { describe, expect, test } from 'vitest';
import { decodeText } from '../../../../webhook/files/decode-text.ts';

describe('bytes become text as they are', () => {
  test.each([
    ['ASCII', 'a: 1\n'],
    ['other characters', 'a: "é 💡"\r\n'],
    ['a byte order mark', '\uFEFFa: 1\n'],
    ['a NUL byte, which the parser refuses by its place', 'a: \0\n'],
    ['nothing', ''],
  ])('%s', (_what, text) => {
    const bytes = Buffer.from(text, 'utf8');
    expect(decodeText(bytes, 'f')).toBe(text);
    expect(Buffer.from(decodeText(bytes, 'f'), 'utf8')).toEqual(bytes);
  });
});

describe('what is no UTF-8 is refused, with what to do', () => {
  const utf16 = Buffer.from('\uFEFFa: 1\n', 'utf16le');
  test.each<readonly [string, Buffer, RegExp]>([
    ['UTF-16, low byte first', utf16, /^f\.yaml: it is UTF-16, .*iconv -f UTF-16 -t UTF-8/],
    ['UTF-16, high byte first', Buffer.from(utf16).swap16(), /^f\.yaml: it is UTF-16/],
    ['UTF-32', Buffer.from('fffe000061000000', 'hex'), /^f\.yaml: it is UTF-32/],
    ['Latin-1', Buffer.from('a: 1\nb: \xe9\n', 'latin1'), /^f\.yaml:2: these bytes are not UTF-8/],
    ['a cut character', Buffer.from('a: é').subarray(0, 4), /^f\.yaml:1: these bytes/],
    ['half a surrogate pair', Buffer.from('6130eda080', 'hex'), /^f\.yaml:1: these bytes/],
  ])('%s', (_what, bytes, message) => {
    expect(() => decodeText(bytes, 'f.yaml')).toThrow(
      expect.objectContaining({
        code: 'FILE_UNREADABLE',
        message: expect.stringMatching(message) as string,
      }),
    );
  });
});
