import { expect, test } from 'vitest';
import { HeadReader, maxHeadBytes } from '../../../../sidecar/server/http1.ts';

const readAll = (text: string, size: number) => {
  const reader = new HeadReader();
  let result: ReturnType<HeadReader['add']> = 'more';
  for (let at = 0; at < text.length && result === 'more'; at += size)
    result = reader.add(Buffer.from(text.slice(at, at + size), 'latin1'));
  return result;
};

test.each([1, 2, 3, 5, 1_000])('a head in pieces of %d bytes', (size) => {
  const head = 'GET /readyz?verbose HTTP/1.1\r\nhost: x\r\n\r\nbody';
  expect(readAll(head, size)).toEqual({ method: 'GET', path: '/readyz' });
  expect(readAll('HEAD / HTTP/1.0\r\n\r\n', size)).toEqual({ method: 'HEAD', path: '/' });
  expect(readAll(head.slice(0, -6), size)).toBe('more');
});

test.each([
  'GET\r\n\r\n',
  'get / HTTP/1.1\r\n\r\n',
  'GET / HTTP/2.0\r\n\r\n',
  'GET  / HTTP/1.1\r\n\r\n',
  'GET http://x/ HTTP/1.1\r\n\r\n',
  '\r\n\r\n',
  '\x16\x03\x01\r\n\r\n',
])('%j is none', (text) => {
  expect(readAll(text, 1_000)).toBe('malformed');
});

test('a head has its limit, to the byte', () => {
  const start = 'GET / HTTP/1.1\r\nx: ';
  const head = (bytes: number) => `${start}${'a'.repeat(bytes - start.length - 4)}\r\n\r\n`;
  expect(readAll(head(maxHeadBytes), 4_096)).toEqual({ method: 'GET', path: '/' });
  expect(readAll(head(maxHeadBytes + 1), 4_096)).toBe('too_long');
  expect(readAll('x'.repeat(maxHeadBytes), 1)).toBe('too_long');
});
