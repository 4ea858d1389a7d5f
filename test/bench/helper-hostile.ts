/**
 * What hostile input costs the helper's service: memory, and what an honest client on a connection of its own meets
 * meanwhile. `helper-hostile.ts [node|bun] [PART-OF-A-NAME]`; prints a Markdown table.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { attacks, carryOut, type Attack } from '../integration/hostile/attacks.ts';
import { callOnce, keepAsking, memoryMib } from '../integration/hostile/probe.ts';
import { memoryEnvironment } from '../../scripts/memory-environment.ts';
import { Program, runtimes, type Runtime } from '../integration/runtimes.ts';

const [asked, wanted = ''] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'svidecar-hostile-'));

async function measure(runtime: Runtime, attack: Attack, path: string): Promise<string> {
  const program = new Program(runtime, ['test/fakes/grpc-server-program.ts', path], {
    ...process.env,
    ...memoryEnvironment,
  });
  await program.says('ready');
  const pid = program.child.pid ?? 0;
  for (let index = 0; index < 20; index += 1) await callOnce(path).catch(() => undefined);
  const before = memoryMib(pid, 'VmRSS');
  const probe = keepAsking(() => callOnce(path));
  const started = performance.now();
  const letGo = await carryOut(attack, { path });
  const tookMs = Math.round(performance.now() - started);
  await sleep(1_500);
  const { answered, failed, slowestMs } = await probe.stop();
  const isAlive = program.child.exitCode === null && program.child.signalCode === null;
  const grown = isAlive ? Math.round(memoryMib(pid, 'VmHWM') - before) : NaN;
  letGo();
  await program.stop('SIGKILL');
  const cells = [
    attack.name,
    isAlive ? 'lives' : 'ENDED',
    grown,
    tookMs,
    answered,
    failed,
    slowestMs,
  ];
  return `| ${cells.join(' | ')} |`;
}

for (const runtime of runtimes) {
  if (asked !== undefined && asked !== 'both' && asked !== runtime) continue;
  console.log(`\n### ${runtime}\n`);
  console.log(
    '| input | process | MiB more at most | ms to send | probes answered | failed | slowest ms |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const [index, attack] of attacks.entries()) {
    if (!attack.name.includes(wanted)) continue;
    console.log(await measure(runtime, attack, join(folder, `${runtime}-${index}.sock`)));
  }
}
rmSync(folder, { recursive: true });
process.exit(0);
