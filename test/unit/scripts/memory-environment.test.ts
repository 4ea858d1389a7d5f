import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { memoryEnvironment } from '../../../scripts/memory-environment.ts';
import { binaryOf, runtimes, type Runtime } from '../../integration/runtimes.ts';

/** Runs a script with the image's variables, and nothing else of ours. */
function evaluate(runtime: Runtime, script: string): unknown {
  const env = { PATH: process.env['PATH'], ...memoryEnvironment };
  return JSON.parse(execFileSync(binaryOf(runtime), ['-e', script], { env, encoding: 'utf8' }));
}

test('Node takes its bound from the environment', () => {
  const script = 'console.log(require("node:v8").getHeapStatistics().heap_size_limit / 1048576)';
  const limitMib = evaluate('node', script);
  expect(limitMib).toBeGreaterThanOrEqual(32);
  expect(limitMib).toBeLessThan(48);
});

test.runIf(runtimes.includes('bun'))(
  'Bun takes its flag, and knows the option of its engine',
  () => {
    // An option that the engine does not know, or a value that it cannot read, would end it with an error.
    expect(evaluate('bun', 'console.log(JSON.stringify(process.execArgv))')).toContain('--smol');
    const wrong = { ...memoryEnvironment, BUN_JSC_forceRAMSize: 'much' };
    expect(() => execFileSync(binaryOf('bun'), ['-e', '0'], { env: wrong, stdio: 'pipe' })).toThrow(
      'BUN_JSC_forceRAMSize',
    );
  },
);
