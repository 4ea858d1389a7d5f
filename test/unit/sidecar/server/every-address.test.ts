import { Server } from 'node:net';
import { expect, test } from 'vitest';
import { addressInstead } from '#kernel/every-address.ts';
import { listen } from '../../../../sidecar/server/listen.ts';

function failing(code: string): Error {
  return Object.assign(new Error(`bind ${code}`), { code });
}

/** A server on a kernel without IPv6: no socket of that family. */
class OldServer extends Server {
  readonly asked: string[] = [];
  readonly #code: string;

  constructor(code: string) {
    super();
    this.#code = code;
  }

  override listen(...args: readonly unknown[]): this {
    const [{ host }, bound] = args as readonly [{ host: string }, () => void];
    this.asked.push(host);
    queueMicrotask(() => {
      if (host.includes(':')) this.emit('error', failing(this.#code));
      else bound();
    });
    return this;
  }
}

test.each(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'])(
  'every address is that of IPv4 where IPv6 gives %s',
  async (code) => {
    const server = new OldServer(code);
    await listen(server, { host: '::', port: 1 });
    expect(server.asked).toEqual(['::', '0.0.0.0']);
  },
);

test('a port that is taken stays a failure, and so does an address that somebody chose', async () => {
  const taken = new OldServer('EADDRINUSE');
  await expect(listen(taken, { host: '::', port: 1 })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: 'cannot listen on [::]:1: bind EADDRINUSE',
  });
  expect(taken.asked).toEqual(['::']);
  const chosen = new OldServer('EADDRNOTAVAIL');
  await expect(listen(chosen, { host: 'fd00::1', port: 1 })).rejects.toThrow('[fd00::1]:1');
  expect(chosen.asked).toEqual(['fd00::1']);
});

test('what is no failure of the system changes nothing', () => {
  expect(addressInstead('::', 'EAFNOSUPPORT')).toBeUndefined();
  expect(addressInstead('::', new Error('x'))).toBeUndefined();
  expect(addressInstead('0.0.0.0', failing('EAFNOSUPPORT'))).toBeUndefined();
});

test('one socket answers for both families', async () => {
  const server = new Server();
  const words = await listen(server, { host: '::', port: 0 });
  server.close();
  expect(words).toMatch(/^(\[::\]|0\.0\.0\.0):\d+$/);
});
