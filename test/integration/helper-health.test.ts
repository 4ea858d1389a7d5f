/** The helper's health port, which anybody in the pod network can reach: on every runtime, and while it is attacked. */
import * as net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { carryOut } from './hostile/attacks.ts';
import { keepAsking, memoryMib } from './hostile/probe.ts';
import { Program, runtimes } from './runtimes.ts';

/** Milliseconds that a kubelet waits for a probe by default. */
const probeMs = 1_000;

describe.each(runtimes)('the health server on %s', (runtime) => {
  let program: Program;
  let port = 0;
  const start = async (limits: object = {}): Promise<[Program, number]> => {
    const args = ['test/fakes/health-server-program.ts', JSON.stringify(limits)];
    const started = new Program(runtime, args);
    await started.says('listening on');
    return [started, Number(/:(\d+)\n/.exec(started.output)?.[1])];
  };
  const ask = (path: string, init: RequestInit = {}, at = port): Promise<Response> =>
    fetch(`http://127.0.0.1:${at}${path}`, { ...init, signal: AbortSignal.timeout(probeMs) });
  /** Sends bytes as they are. @returns all that comes back until the connection is closed */
  const sendBytes = (bytes: string, at = port): Promise<string> =>
    new Promise((resolve) => {
      const socket = net.connect(at, '127.0.0.1');
      let answer = '';
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => (answer += String(chunk)));
      socket.on('close', () => {
        resolve(answer);
      });
      socket.write(bytes);
    });

  beforeAll(async () => {
    [program, port] = await start();
  });
  afterAll(async () => {
    expect(await program.stop()).toBe(0);
  });

  test('pages, and what is none', async () => {
    const livez = await ask('/livez');
    expect([livez.status, await livez.text(), livez.headers.get('content-type')]).toEqual([
      200,
      'ok\n',
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
    const startup = await ask('/startup?verbose');
    expect([startup.status, await startup.text()]).toEqual([503, 'a token\na key\n']);
    expect((await ask('/other')).status).toBe(404);
    expect((await ask('/livez', { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(405);
    const head = await ask('/livez', { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      '3',
      '',
    ]);
    expect(await sendBytes('nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendBytes(`GET / HTTP/1.1\r\nx: ${'y'.repeat(9_000)}`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  test('a page that throws has a status and no detail', async () => {
    const metrics = await ask('/metrics');
    expect(metrics.status).toBe(503);
    expect(await metrics.text()).not.toContain('secret');
    await program.says('fault');
  });

  test('what is slow is cut off in time, letter by letter or not at all', async () => {
    const [own, at] = await start({ headMs: 300, answerMs: 300 });
    const started = performance.now();
    const slow = net.connect(at, '127.0.0.1').on('error', () => undefined);
    const closed = new Promise((resolve) => slow.on('close', resolve));
    const writing = setInterval(() => slow.write('x'), 50);
    expect(await sendBytes('', at)).toBe('');
    await closed;
    clearInterval(writing);
    expect(performance.now() - started).toBeLessThan(5_000);
    await own.stop();
  });

  const request = 'GET /livez HTTP/1.1\r\nhost: x\r\n';
  test.each([
    ['silent', () => []],
    ['without an end to their headers', () => [Buffer.from(request)]],
    [
      'letter by letter',
      () => [...Buffer.from(`${request}x: `.padEnd(80, 'y'))].map((byte) => Buffer.from([byte])),
    ],
    ['with 8 kB of headers and no end', () => [Buffer.from(request + 'x: '.padEnd(8_000, 'y'))]],
  ] as const)('the kubelet is answered beside 3,000 connections %s', async (_name, pieces) => {
    const pid = program.child.pid ?? 0;
    const before = memoryMib(pid, 'VmRSS');
    const probe = keepAsking(async () => {
      expect((await ask('/livez')).status).toBe(200);
    });
    const attack = { name: '', connections: 3_000, pieces, pauseMs: 20 };
    const letGo = await carryOut(attack, { host: '127.0.0.1', port });
    await sleep(500);
    const { answered, failed, turnedAway } = await probe.stop();
    letGo();
    expect(answered).toBeGreaterThan(0);
    // On a machine with no CPU left one can come late, or send its request later than a thousand others connect.
    expect(failed, turnedAway.join('\n')).toBeLessThanOrEqual(Math.ceil(answered / 10));
    expect(memoryMib(pid, 'VmRSS') - before).toBeLessThan(48);
  });
});
