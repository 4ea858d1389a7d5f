/** Messages about a store are made of words of ours: those of servers may quote what must not be told. */
import { SimpleError } from '@redis/client';
import { expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import {
  errorWord,
  openingFault,
  RedisSilence,
  redirectionIn,
  storeFault,
} from '../../../../sidecar/redis/redis-faults.ts';

const secret = 'jo@example.org';

test.each([
  `ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'user' '${secret}'`,
  `WRONGPASS ${secret}`,
  `NOPERM No permissions to access the '${secret}' key`,
  `NOPERM User '${secret}' has no permissions to run the '${secret}' command`,
  `${secret} is an error without a word`,
  `OOM ${secret}`,
])('%s', (message) => {
  const fault = storeFault('redis:6379', new SimpleError(message), ['GET', secret]);
  expect(fault.message).not.toContain('jo@');
  expect(fault.message).toMatch(/^redis:6379 [a-z]/);
  expect(fault.cause).toBeUndefined();
});

const faults: readonly (readonly [unknown, string, string])[] = [
  [new SimpleError('OOM command not allowed'), 'BAN_STORE_FULL', 'has no memory left'],
  [
    new SimpleError(`NOPERM this user has no permissions to run the 'client|tracking' command`),
    'BAN_STORE_FORBIDDEN',
    'gives its user no right to CLIENT TRACKING',
  ],
  [
    new SimpleError(`ERR The user executing the script can't run this command or subcommand`),
    'BAN_STORE_FORBIDDEN',
    'gives its user no right to what SET runs (GETRANGE, SET, DEL)',
  ],
  [
    Object.assign(new Error(secret), { code: 'ECONNREFUSED' }),
    'BAN_STORE_UNREACHABLE',
    'cannot be reached (ECONNREFUSED)',
  ],
  [
    Object.assign(new Error(secret), { code: 'EPROTO' }),
    'BAN_STORE_UNREACHABLE',
    'does not agree on TLS (EPROTO)',
  ],
  ['no error at all', 'BAN_STORE_UNREACHABLE', 'closed the connection'],
];

test.each(faults)('%s is %s', (thrown, code, text) => {
  const fault = storeFault('a:1', thrown, ['SET']);
  expect(fault).toBeInstanceOf(AppError);
  expect(fault.code).toBe(code);
  expect(fault.message).toContain(text);
});

test('a server that says nothing to a client with TLS may have none', () => {
  const silence = new RedisSilence(5_000);
  expect(openingFault('a:1', silence, true).message).toContain('write redis://');
  expect(openingFault('a:1', silence, false).message).toBe('a:1 did not answer within 5000 ms');
  expect(openingFault('a:1', new SimpleError('OOM'), true).message).not.toContain('redis://');
});

test('the word of an error stays known; an AppError stays what it is', () => {
  const first = storeFault('a:1', new SimpleError('WRONGTYPE of a value'));
  expect(errorWord(first)).toBe('WRONGTYPE');
  expect(storeFault('b:2', first)).toBe(first);
  expect(errorWord(new Error('WRONGTYPE'))).toBeUndefined();
});

test.each([
  ['MOVED 3999 127.0.0.1:6381', { kind: 'moved', host: '127.0.0.1', port: 6381 }],
  ['ASK 3999 ::1:6381', { kind: 'ask', host: '::1', port: 6381 }],
  ['MOVED 3999 :6381', { kind: 'moved', host: undefined, port: 6381 }],
  [
    'MOVED 3999 redis-0.example.org:6381',
    { kind: 'moved', host: 'redis-0.example.org', port: 6381 },
  ],
  ['MOVED 3999 a:0', undefined],
  ['MOVED', undefined],
  ['ERR MOVED 3999 a:1', undefined],
])('%s', (message, redirection) => {
  expect(redirectionIn(new SimpleError(message))).toEqual(redirection);
});
