/** The starters of Redis: what they start is what they say. */
import { afterAll, expect, test } from 'vitest';
import { describeWithComponents } from './harness/components.ts';
import { ask, startRedis, type RedisServer } from './harness/redis.ts';

const started: { stop(): Promise<void> }[] = [];
afterAll(async () => {
  await Promise.all(started.map((each) => each.stop()));
});

async function redis(...options: Parameters<typeof startRedis>): Promise<RedisServer> {
  const server = await startRedis(...options);
  started.push(server);
  return server;
}

describeWithComponents(['redis-server', 'valkey-server'], 'Redis', () => {
  test('a server that was killed starts again, empty, and one that is paused answers nobody', async () => {
    const server = await redis();
    await server.command('SET', 'ban:a', '1');
    await server.kill();
    await server.startAgain();
    expect(await server.command('DBSIZE')).toBe('0');
    await server.pause();
    const answer = ask(['-p', `${server.port}`, 'PING']);
    await expect(
      Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 200, 'silence'))]),
    ).resolves.toBe('silence');
    server.resume();
    expect(await answer).toBe('PONG');
  });

  test('Valkey, with a password and a user', async () => {
    const server = await redis({
      program: 'valkey-server',
      password: 'secret',
      users: ['reader on >other ~ban:* +get'],
    });
    expect(await server.command('INFO', 'server')).toContain('valkey_version:9.1.2');
    const asked = ask(['-p', `${server.port}`, '--user', 'reader', 'GET', 'ban:a'], 'other');
    expect(await asked).toBe('');
    await expect(ask(['-p', `${server.port}`, 'PING'])).rejects.toThrow('NOAUTH');
  });

  test('TLS, for whoever shows a certificate', async () => {
    const server = await redis({ tls: true });
    const { ca = '', cert = '', key = '' } = server.tls ?? {};
    const flags = ['--tls', '-p', `${server.port}`, '--cacert', ca];
    expect(await ask([...flags, '--cert', cert, '--key', key, 'PING'])).toBe('PONG');
    await expect(ask([...flags, 'PING'])).rejects.toThrow('redis-cli');
  });
});
