/** The service for bans with a certificate and a list from files: what it shows of both. */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveBans, type ServingBans } from '../../bans/server/serve-bans.ts';
import { openServedStore } from '../../bans/server/served-store.ts';
import { readServiceSettings } from '../../bans/service/service-settings.ts';
import { makeServingPair, type TestPair } from '../fakes/serving-pair.ts';
import { SilentLog } from '../fakes/silent-log.ts';
import { freePort } from './harness/free-port.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { call } from './mesh/ban-caller.ts';

const clock = { now: () => Date.now() };

let work: WorkFolder;
let pair: TestPair;
let serving: ServingBans;
let port: number;
let file: string;

beforeAll(async () => {
  work = await createWorkFolder('bans-files');
  pair = await makeServingPair();
  const folder = join(work.path, 'tls');
  mkdirSync(folder);
  writeFileSync(join(folder, 'tls.crt'), pair.certificate);
  writeFileSync(join(folder, 'tls.key'), pair.key);
  file = join(work.path, 'bans.jsonl');
  writeFileSync(file, '{"claim":"sub","value":"42"}\n');
  port = await freePort();
  const settings = readServiceSettings(
    JSON.stringify({
      version: 1,
      store: { file },
      listen: [{ host: '127.0.0.1', port, tls: { folder } }],
      insecureNoAuthentication: true,
      check: { claims: ['sub'] },
    }),
    'test',
  );
  const store = await openServedStore(settings.store, clock);
  const bounds = { drainMs: 0 };
  serving = await serveBans({ settings, store, version: '0', clock, log: new SilentLog(), bounds });
});
afterAll(async () => {
  await serving.stop();
  await work.remove();
});

async function metric(name: string): Promise<number | undefined> {
  const { body } = await call({ port, path: '/metrics', tls: { ca: pair.certificate } });
  const value = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(body)?.[1];
  return value === undefined ? undefined : Number(value);
}

test('when a certificate from files ends is told', async () => {
  const end = new X509Certificate(pair.certificate).validToDate.getTime() / 1_000;
  expect(await metric('svidecar_ban_service_certificate_not_after_seconds')).toBe(end);
});

test('the list that it answers by has an age once its file cannot be read', async () => {
  expect(await metric('svidecar_bans')).toBe(1);
  expect(await metric('svidecar_ban_list_age_seconds')).toBe(0);
  rmSync(file);
  await expect
    .poll(() => metric('svidecar_ban_list_age_seconds'), { timeout: 20_000 })
    .toBeGreaterThan(0);
  expect(await metric('svidecar_bans')).toBe(1);
});
