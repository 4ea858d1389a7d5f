import { expect, test } from 'vitest';
import * as z from 'zod';
import {
  redisAddress,
  redisStore,
  redisTarget,
} from '../../../../sidecar/config/redis-settings.ts';

function faultOf(redis: unknown): string {
  const { error } = redisStore.safeParse({ redis });
  return error === undefined ? '' : z.prettifyError(error);
}

test.each([
  ['redis://r:6379/2', { host: 'r', port: 6379 }, false, 2],
  ['redis://r', { host: 'r', port: 6379 }, false, 0],
  ['rediss://r.shop.svc:6380/', { host: 'r.shop.svc', port: 6380 }, true, 0],
  ['redis://[fd00::1]:7', { host: 'fd00::1', port: 7 }, false, 0],
  ['redis://[fd00::1]', { host: 'fd00::1', port: 6379 }, false, 0],
])('%s names one server', (url, ...said) => {
  const [address, isTls, database] = said;
  expect(redisTarget(url)).toEqual({ kind: 'tcp', address, isTls, database });
});

test('a Unix socket is named by its whole path', () => {
  expect(redisTarget('unix:///run/redis.sock')).toEqual({
    kind: 'socket',
    path: '/run/redis.sock',
  });
});

test.each([
  'redis://user:password@r:6379',
  'redis://r:6379?db=1',
  'redis://r:0',
  'redis://r:65536',
  'redis://',
  'unix://relative',
  'unix:///run/r.sock?db=1',
  'http://r:6379',
  'r:6379',
])('%s is no URL of a store, and is not repeated to whoever reads the log', (url) => {
  expect(redisTarget(url)).toBeUndefined();
  expect(faultOf({ url })).toContain('must be redis://host:port/database');
  expect(faultOf({ url })).not.toContain('password@');
});

test.each(['r', 'r:', ':1', 'r:0', 'r:65536', 'fd00::1:7', 'a b:1', 'r:1/2'])(
  '%s is no address of a server',
  (text) => {
    expect(redisAddress(text)).toBeUndefined();
  },
);

test('defaults', () => {
  const cluster = { servers: ['a:1', '[::1]:2'] };
  expect(redisStore.parse({ redis: { cluster } }).redis).toEqual({
    cluster,
    prefix: 'ban:',
    mirrored: 200_000,
    mirroredBytes: 25_165_824,
    deadlineMs: 20,
  });
});

test.each([
  [{}, 'must have one of url, sentinel, cluster'],
  [{ url: 'redis://a', cluster: { servers: ['a:1'] } }, 'must have one of url, sentinel, cluster'],
  [{ url: 'redis://a', tls: {} }, 'is only for a url that begins with rediss:'],
  [{ url: 'rediss://a', tls: { cert: '/c' } }, 'cert and key go together'],
  [{ url: 'redis://a', username: 'a' }, 'must be there for a user'],
  [
    { url: 'redis://a', username: 'a', usernameFile: '/u', passwordFile: '/p' },
    'must have username or usernameFile, not both',
  ],
  [{ url: 'redis://a', passwordFile: 'p' }, 'must be the whole path of a file'],
  [{ url: 'redis://a', password: 'p' }, 'Unrecognized key: "password"'],
  [{ sentinel: { servers: [], master: 'm' } }, 'Too small'],
  [{ sentinel: { servers: ['a'], master: 'm' } }, 'must be host:port, or [IPv6 address]:port'],
  [{ url: 'redis://a', prefix: 'a b' }, 'must be 1 to 128 visible ASCII characters'],
  [{ url: 'redis://a', mirrored: 2_000_001 }, 'Too big'],
])('%j is refused: %s', (redis, fault) => {
  expect(faultOf(redis)).toContain(fault);
});
