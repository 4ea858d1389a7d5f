import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Engine } from '../../../../webhook/injection/inject.ts';
import { FollowedConfig } from '../../../../webhook/files/followed-config.ts';
import { SilentLog } from '../../../fakes/silent-log.ts';

let folder = '';
let config = '';
let end: AbortController;
let log: SilentLog;
let engines: Engine[];
let file: FollowedConfig;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'svidecar-config-'));
  config = join(folder, 'config.yaml');
  end = new AbortController();
  log = new SilentLog();
  engines = [];
  file = new FollowedConfig();
});
afterEach(() => {
  end.abort();
  rmSync(folder, { recursive: true, force: true });
});

const files = {
  templates: join(import.meta.dirname, '../../../../templates'),
  kubernetesMinor: 36,
  version: '0',
};

function follow(): void {
  file.follow(
    {
      files: { ...files, config },
      log,
      changed: (engine) => engines.push(engine),
      pollMs: 20,
    },
    end.signal,
  );
}

const refused = (): number | undefined => file.metrics()[0]?.samples[0]?.value;
const domains = (): readonly string[] => engines.map((engine) => engine.config.trustDomain);
const logged = (level: string): number => log.lines.filter((line) => line.level === level).length;

test('what it holds and is refused, or cannot be read, is told once and counted until it is otherwise', async () => {
  const good = 'trustDomain: a.test\n';
  writeFileSync(config, good);
  expect(refused()).toBeUndefined();
  follow();
  expect(refused()).toBe(0);
  writeFileSync(config, 'trustDomain: b.test\n');
  await expect.poll(domains).toEqual(['b.test']);
  expect(refused()).toBe(0);
  writeFileSync(config, 'nothing: of ours\n');
  await expect.poll(refused).toBe(1);
  expect(logged('error')).toBe(1);
  writeFileSync(config, good);
  await expect.poll(domains).toEqual(['b.test', 'a.test']);
  expect(refused()).toBe(0);
  rmSync(config);
  await expect.poll(refused).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(logged('error')).toBe(2);
  writeFileSync(config, good);
  await expect.poll(refused).toBe(0);
  expect(domains()).toEqual(['b.test', 'a.test']);
});

test('without a file there is nothing to refuse', () => {
  const changed = (engine: Engine): void => {
    engines.push(engine);
  };
  file.follow({ files: { ...files, config: undefined }, log, changed }, end.signal);
  expect(refused()).toBeUndefined();
});
