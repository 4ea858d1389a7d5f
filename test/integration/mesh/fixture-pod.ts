/** The workload of a fixture as injected, at work: a real Envoy and a real helper, with the ports of this run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings } from '../../../sidecar/config/settings.ts';
import { injectTexts } from '../../../webhook/manifests/inject-texts.ts';
import { engineFor } from '../../fakes/engine.ts';
import { startEnvoy } from '../harness/envoy.ts';
import { freePort } from '../harness/free-port.ts';
import { waitUntil } from '../harness/processes.ts';
import type { Runtime } from '../runtimes.ts';
import { startHelper, type HelperProcess } from './helper-process.ts';
import { withPorts } from './moved-ports.ts';

export interface FixturePod {
  /** Port of its listener, in the fixture 28480. */
  readonly front: number;
  readonly helper: HelperProcess;
  readonly stop: () => Promise<unknown>;
}

/** @param told.fixture folder under `test/fixtures/field`. @param told.appPort stands for 28481 of the fixture */
export async function startFixturePod(told: {
  readonly fixture: string;
  readonly runtime: Runtime;
  readonly folder: string;
  readonly workloadApi: string;
  readonly appPort: number;
}): Promise<FixturePod> {
  const { fixture, runtime, appPort, ...site } = told;
  const path = join(import.meta.dirname, `../../fixtures/field/${fixture}/in.yaml`);
  const files = [{ name: fixture, text: readFileSync(path, 'utf8') }];
  const { configMaps } = injectTexts(files, { engine: engineFor(), namespace: 'shop' });
  const values = new Map(configMaps.flatMap(({ data }) => Object.entries(data)));
  const { rules } = readSettings(values.get('helper.yaml') ?? '', fixture);
  const helper = await startHelper({ ...site, name: `${fixture}-${runtime}`, runtime, rules });
  const front = await freePort();
  const inner = await freePort();
  const places = { 28480: front, 28481: appPort, 28482: inner, 9010: helper.port };
  const moved = withPorts(values.get('envoy.yaml') ?? '', places);
  const envoy = await startEnvoy(moved, { args: ['--concurrency', '1'] });
  await waitUntil('it is ready', async () => (await helper.page('/readyz')).status === 200);
  return { front, helper, stop: () => Promise.all([envoy.stop(), helper.stop()]) };
}
