/**
 * The helper's service under input that would take it away: it lives, an honest client on a connection of its own is
 * answered, and what was held is given back. `npm run bench:hostile` measures; SVIDECAR_HOSTILE=all tries the long ones too.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memoryEnvironment } from '../../scripts/memory-environment.ts';
import { attacks, carryOut } from './hostile/attacks.ts';
import { callOnce, cpuMs, memoryMib } from './hostile/probe.ts';
import { Program, runtimes } from './runtimes.ts';

const same = (bytes: Buffer): Buffer => bytes;
const tried = attacks.filter(
  ({ isLong }) => isLong !== true || process.env['SVIDECAR_HOSTILE'] === 'all',
);
/** MiB over all of it, with the memory settings of the image; a helper may have 128 by default, and begins with 40 to 60. */
const mayGrowMib = 110;
/** MiB while one attack goes on: 16 are for unfinished messages; the rest is garbage. */
const mayKeepMib = 48;
/** Milliseconds of CPU for one attack of some megabytes: what costs more for its bytes could stall the helper. */
const mayTakeMs = 3_500;

describe.each(runtimes)('hostile input on %s', (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-hostile-'));
  const path = join(folder, 'helper.sock');
  let program: Program;
  let client: Client;
  let before = 0;
  const pid = (): number => program.child.pid ?? 0;
  const figure = (method: string): Promise<number> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(method, same, same, Buffer.alloc(0), (error, answer?: Buffer) => {
        if (error !== null || answer === undefined) reject(error ?? new Error('no answer'));
        else resolve(Number(answer));
      });
    });

  beforeAll(async () => {
    const limits = JSON.stringify({ callMs: 4_000 });
    program = new Program(runtime, ['test/fakes/grpc-server-program.ts', path, limits], {
      ...process.env,
      ...memoryEnvironment,
    });
    await program.says('ready');
    for (let index = 0; index < 50; index += 1) await callOnce(path);
    before = memoryMib(pid(), 'VmRSS');
    client = new Client(`unix:${path}`, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await program.stop('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  test.each(tried.map((attack) => [attack.name, attack] as const))('%s', async (_name, attack) => {
    const withOutput = (error: unknown): string => `${String(error)}\n${program.output}`;
    const usedMs = cpuMs(pid());
    const heldMib = memoryMib(pid(), 'VmRSS');
    const letGo = await carryOut(attack, { path });
    try {
      await expect
        .poll(() => callOnce(path).then(() => 'answered', withOutput), { timeout: 15_000 })
        .toBe('answered');
      expect(memoryMib(pid(), 'VmRSS') - heldMib).toBeLessThan(mayKeepMib);
    } finally {
      letGo();
    }
    expect([program.child.exitCode, program.child.signalCode]).toEqual([null, null]);
    await expect.poll(() => figure('/test/Open').catch(String), { timeout: 20_000 }).toBe(1);
    expect(await figure('/test/Waiting')).toBe(0);
    expect(cpuMs(pid()) - usedMs).toBeLessThan(attack.isLong === true ? Infinity : mayTakeMs);
  });

  test('all of it together took a bounded amount of memory', () => {
    expect(memoryMib(pid(), 'VmHWM') - before).toBeLessThan(mayGrowMib);
  });
});
