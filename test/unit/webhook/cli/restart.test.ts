import { expect, test } from 'vitest';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';

test.each([
  ['which workloads', ['--yes'], '--stale, --missing or both'],
  ['a rate', ['--stale', '--per-minute', '0'], 'a whole number from 1 to 9999'],
  ['a whole rate', ['--stale', '--per-minute', '0.5'], 'a whole number from 1 to 9999'],
  ['a duration', ['--stale', '--patience', 'long'], 'long'],
  ['some patience', ['--stale', '--patience', '0s'], '--patience 0s: write 1s or more'],
  ['a namespace', ['--stale', '-n', 'A_b'], 'A_b'],
  ['no empty namespace', ['--stale', '-n', ''], 'namespace'],
  ['a revision', ['--stale', '--revision', 'A_b'], 'A_b'],
])('restart wants to be told %s, before it asks any cluster', async (_what, flags, words) => {
  const { code, err } = await runSvidecar(['restart', ...flags]);
  expect(code).toBe(2);
  expect(err).toContain(words);
});
