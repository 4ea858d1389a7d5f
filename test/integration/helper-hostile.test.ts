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
import { callOnce, memoryMib } from './hostile/probe.ts';
import { Program, runtimes } from './runtimes.ts';

const same = (bytes: Buffer): Buffer => bytes;
const tried = attacks.filter(
  ({ isLong }) => isLong !== true || process.env['SVIDECAR_HOSTILE'] === 'all',
);
/** MiB over all of it, with the memory settings of the image; a helper may have 128 by default, and begins with 40 to 60. */
const mayGrowMib = 110;

describe.each(runtimes)('hostile input on %s', (runtime) => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-hostile-'));
  const path = join(folder, 'helper.sock');
  let program: Program;
  let client: Client;
  let before = 0;
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
    before = memoryMib(program.child.pid ?? 0, 'VmRSS');
    client = new Client(`unix:${path}`, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await program.stop('SIGKILL');
    rmSync(folder, { recursive: true });
  });

  test.each(tried.map((attack) => [attack.name, attack] as const))('%s', async (_name, attack) => {
    const withOutput = (error: unknown): string => `${String(error)}\n${program.output}`;
    const letGo = await carryOut(attack, { path });
    try {
      await expect
        .poll(() => callOnce(path).then(() => 'answered', withOutput), { timeout: 15_000 })
        .toBe('answered');
    } finally {
      letGo();
    }
    expect([program.child.exitCode, program.child.signalCode]).toEqual([null, null]);
    await expect.poll(() => figure('/test/Open').catch(String), { timeout: 20_000 }).toBe(1);
    expect(await figure('/test/Waiting')).toBe(0);
  });

  test('all of it together took a bounded amount of memory', () => {
    expect(memoryMib(program.child.pid ?? 0, 'VmHWM') - before).toBeLessThan(mayGrowMib);
  });
});
