/**
 * What registrations cost with many workloads: `npm run bench:registrations`, on a real API server and a real
 * SPIRE server.
 * usage: registrations.ts [--workloads N] [--namespaces N] [--seconds S]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openSpireServer } from '../../webhook/spire/open-spire-server.ts';
import { startApiServer, type ApiServer } from '../integration/harness/api-server.ts';
import { fleetNamespace, makeFleet, makeWorkload } from '../integration/harness/fleet.ts';
import { waitUntil } from '../integration/harness/processes.ts';
import { startSpireServer, type SpireServer } from '../integration/harness/spire-server.ts';
import { ControllerProcess, type Samples } from './controller-process.ts';

const { values } = parseArgs({
  options: {
    workloads: { type: 'string', default: '5000' },
    namespaces: { type: 'string', default: '50' },
    seconds: { type: 'string', default: '30' },
  },
});
const namespaces = Number(values.namespaces);
const workloads = Math.floor(Number(values.workloads) / namespaces);
const total = workloads * namespaces;
const deadlineMs = 280_000;
const rbac = 'manifests/kustomize/components/spire-registration/rbac.yaml';

const began = performance.now();
function say(text: string): void {
  process.stdout.write(
    `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}\n`,
  );
}

const callsOf = (samples: Samples): number =>
  [...samples]
    .filter(([name]) => name.startsWith('svidecar_spire_calls_total'))
    .reduce((sum, [, value]) => sum + value, 0);

async function registered(controller: ControllerProcess): Promise<number> {
  return (await controller.samples()).get('svidecar_registrations{state="registered"}') ?? 0;
}

/** Starts one and waits until all is registered. */
async function start(folder: string, kubeconfig: string, what: string): Promise<ControllerProcess> {
  const controller = await ControllerProcess.start(folder, kubeconfig, join(folder, 'config.yaml'));
  await waitUntil('it is ready', () => controller.isReady(), { deadlineMs });
  const readyMs = performance.now() - controller.beganMs;
  let saidAtMs = performance.now();
  const isDone = async (): Promise<boolean> => {
    const count = await registered(controller);
    if (performance.now() - saidAtMs > 15_000) {
      saidAtMs = performance.now();
      say(`  ${count} registered`);
    }
    return count >= total;
  };
  await waitUntil('all is registered', isDone, { deadlineMs });
  const allMs = performance.now() - controller.beganMs;
  const { peakMib, rssMib } = controller.memory();
  const samples = await controller.samples();
  const writes = ['created', 'updated', 'deleted'].map(
    (outcome) => samples.get(`svidecar_registration_writes_total{outcome="${outcome}"}`) ?? 0,
  );
  say(
    `${what}: ready after ${(readyMs / 1000).toFixed(1)} s, all registered after ${(allMs / 1000).toFixed(1)} s, ` +
      `${callsOf(samples)} calls to SPIRE, created/updated/deleted ${writes.join('/')}, ` +
      `${rssMib.toFixed(0)} MiB, ${peakMib.toFixed(0)} at most, ${(controller.cpuMs() / 1000).toFixed(1)} s of CPU`,
  );
  return controller;
}

async function changes(
  api: ApiServer,
  spire: SpireServer,
  controller: ControllerProcess,
): Promise<void> {
  const client = openSpireServer({ address: `unix://${spire.socketPath}`, workloadApi: '' });
  const { signal } = new AbortController();
  const has = async (name: string): Promise<boolean> =>
    (await client.listEntries(signal)).some(({ selectors }) =>
      selectors.includes(`k8s:pod-label:app:${name}`),
    );
  const before = callsOf(await controller.samples());
  let from = performance.now();
  await makeWorkload(api, fleetNamespace(0), 'web-new');
  await waitUntil('the new one is registered', () => has('web-new'));
  say(`a new Deployment: its entry after ${(performance.now() - from).toFixed(0)} ms`);
  const [entry] = (await client.listEntries(signal)).filter(({ id }) => id.startsWith('svidecar.'));
  from = performance.now();
  await client.deleteEntries([entry?.id ?? ''], signal);
  await waitUntil('it is back', async () =>
    (await client.listEntries(signal)).some(({ id }) => id === entry?.id),
  );
  say(`an entry deleted by hand: back after ${(performance.now() - from).toFixed(0)} ms`);
  say(`${callsOf(await controller.samples()) - before} calls to SPIRE meanwhile`);
  const quietFrom = callsOf(await controller.samples());
  const cpuFrom = controller.cpuMs();
  await sleep(Number(values.seconds) * 1000);
  const calls = callsOf(await controller.samples()) - quietFrom;
  say(
    `quiet for ${values.seconds} s: ${calls} calls to SPIRE, ${controller.cpuMs() - cpuFrom} ms of CPU`,
  );
  client.close();
}

async function run(api: ApiServer, spire: SpireServer, folder: string): Promise<void> {
  for (const [flag, path] of [
    ['-k', 'manifests/kustomize/base'],
    ['-f', rbac],
  ] as const) {
    const applied = await api.kubectl(['apply', flag, path]);
    if (applied.code !== 0) throw new Error(applied.stderr);
  }
  const hooks = 'mutatingwebhookconfigurations,validatingadmissionpolicies';
  await api.kubectl(['delete', hooks, '--all']);
  const user = 'system:serviceaccount:svidecar:svidecar';
  const kubeconfig = await api.kubeconfigFor(user, ['system:authenticated']);
  // Workloads of one ServiceAccount, each with an entry of its own.
  writeFileSync(
    join(folder, 'config.yaml'),
    `registration: entries\nentries: {podLabels: [app]}\nspire: {server: 'unix://${spire.socketPath}'}\n`,
  );
  await makeFleet(api, { namespaces, workloads });
  say(`${total} Deployments in ${namespaces} namespaces`);
  let controller = await start(folder, kubeconfig, 'first start');
  await controller.stop();
  // The Lease of the one that was killed runs out first.
  await sleep(16_000);
  controller = await start(folder, kubeconfig, 'start with everything in place');
  await changes(api, spire, controller);
  await controller.stop();
}

const folder = mkdtempSync(join(tmpdir(), 'svidecar-bench-'));
const [api, spire] = await Promise.all([startApiServer(), startSpireServer()]);
try {
  await run(api, spire, folder);
} finally {
  await Promise.all([api.stop(), spire.stop()]);
  rmSync(folder, { recursive: true, force: true });
}
