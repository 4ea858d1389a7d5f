/** What the library makes for all of its commands, some 400 functions, is made once, however many connections there are. */
import { expect, test, vi } from 'vitest';
import { openLink, type LinkOptions } from '../../../../sidecar/redis/redis-link.ts';
import { systemTimers } from '../../../../sidecar/workload-api/system-timers.ts';

/** Fewer than the library has commands, more than anything else here has members. */
const many = 300;
const entries = vi.spyOn(Object, 'entries');
/** How often all of its commands were gone through since the last look: once for a class of clients, once for what it sends together. */
function commandsMade(): number {
  const times = entries.mock.calls.filter(([of]) => Object.keys(of).length > many).length;
  entries.mockClear();
  return times;
}

const access = { username: undefined, password: undefined, tls: undefined };
const tls = { ca: undefined, cert: undefined, key: undefined, servername: 'redis.test' };

/** Each differs from the one before, as those of several masters do, and from a Sentinel's. Nobody listens there. */
const links: readonly Partial<LinkOptions>[] = [
  {},
  { tracked: 'ban:', onChanged: () => undefined },
  { tracked: 'other:' },
  { database: 3 },
  { place: { kind: 'tcp', host: '127.0.0.1', port: 2 } },
  { place: { kind: 'socket', path: '/nowhere/redis.sock' } },
  { access: { ...access, password: 'secret' } },
  { access: { ...access, username: 'user', password: 'secret' } },
  { access: { ...access, tls } },
];

async function open(options: Partial<LinkOptions>): Promise<void> {
  const place = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
  const link = openLink(
    { place, access, timers: systemTimers, ...options },
    new AbortController().signal,
  );
  await expect(link).rejects.toMatchObject({ code: 'BAN_STORE_UNREACHABLE' });
}

test('a connection to another server, or in another way, makes no commands anew', async () => {
  await open({});
  expect(commandsMade()).toBeGreaterThan(0);
  for (const options of links) await open(options);
  expect(commandsMade()).toBe(0);
});
