/**
 * What the controller costs a cluster of many workloads: `npm run bench:controller`, on a real API server.
 * The peer is a bare client that lists the same objects and keeps nothing: no controller can start faster.
 * usage: controller.ts [--workloads N] [--namespaces N] [--rounds N] [--seconds S]
 *   --rounds   restarts with everything in place, medians are printed
 *   --seconds  how long the quiet controller is watched for calls
 */
import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isObject, objectAt, stringAt } from '#kernel/json.ts';
import { startApiServer, type ApiServer } from '../integration/harness/api-server.ts';
import {
  countOf,
  fleetNamespace,
  fleetObjects,
  makeFleet,
  makeWorkload,
} from '../integration/harness/fleet.ts';
import { waitUntil } from '../integration/harness/processes.ts';
import { ControllerProcess, type Samples } from './controller-process.ts';
import { median } from './load.ts';

const { values } = parseArgs({
  options: {
    workloads: { type: 'string', default: '5000' },
    namespaces: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
  },
});
const namespaces = Number(values.namespaces);
const workloads = Math.floor(Number(values.workloads) / namespaces);
const total = workloads * namespaces;
const configMaps = '/api/v1/configmaps';
const deadlineMs = 280_000;
const user = 'system:serviceaccount:svidecar:svidecar';
/** What a controller of this kind must read at its start. */
const lists = [
  '/api/v1/namespaces',
  '/apis/apps/v1/deployments',
  '/apis/apps/v1/statefulsets',
  '/apis/apps/v1/daemonsets',
  '/apis/apps/v1/replicasets',
  '/apis/batch/v1/jobs',
  '/apis/batch/v1/cronjobs',
  '/api/v1/pods',
  '/api/v1/configmaps',
];

const began = performance.now();
function say(text: string): void {
  process.stdout.write(
    `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}\n`,
  );
}

function sumOf(samples: Samples, name: string): number {
  return [...samples]
    .filter(([key]) => key.startsWith(name))
    .reduce((sum, [, value]) => sum + value, 0);
}

const callsOf = (samples: Samples): number => sumOf(samples, 'svidecar_cluster_calls_total');
const writesOf = (samples: Samples): number =>
  ['apply', 'create', 'delete'].reduce(
    (sum, verb) => sum + sumOf(samples, `svidecar_cluster_calls_total{verb="${verb}"`),
    0,
  );

/** Milliseconds from the start of the process until it is ready, and until nothing is left to do. */
async function settle(controller: ControllerProcess): Promise<{ readyMs: number; allMs: number }> {
  await waitUntil('it is ready', () => controller.isReady(), { deadlineMs });
  const readyMs = performance.now() - controller.beganMs;
  await waitUntil(
    'all is looked at',
    async () => {
      const samples = await controller.samples();
      const isIdle = samples.get('svidecar_controller_backlog') === 0;
      return isIdle && sumOf(samples, 'svidecar_envoy_renderings_total') >= total;
    },
    { deadlineMs },
  );
  return { readyMs, allMs: performance.now() - controller.beganMs };
}

async function bareListMs(api: ApiServer): Promise<number> {
  const from = performance.now();
  for (const path of lists) {
    let next = '';
    do {
      const query = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
      const { body } = await api.request('GET', `${path}?limit=500${query}`);
      next = stringAt(objectAt(isObject(body) ? body : {}, 'metadata'), 'continue') ?? '';
    } while (next !== '');
  }
  return performance.now() - from;
}

interface Change {
  readonly ms: number;
  readonly calls: number;
}

/** Calls that one change causes, until nothing more happens for a second. */
async function change(
  controller: ControllerProcess,
  make: () => Promise<unknown>,
  isDone: () => Promise<boolean>,
): Promise<Change> {
  const before = callsOf(await controller.samples());
  const from = performance.now();
  await make();
  await waitUntil('the change is carried out', isDone);
  const ms = performance.now() - from;
  await sleep(1_500);
  return { ms, calls: callsOf(await controller.samples()) - before };
}

async function read(api: ApiServer, space: string, name: string): Promise<string> {
  const { body } = await api.request('GET', `/api/v1/namespaces/${space}/configmaps/${name}`);
  return JSON.stringify(body);
}

async function changes(
  api: ApiServer,
  controller: ControllerProcess,
): Promise<{ readonly source: Change; readonly workload: Change; readonly unrelated: Change }> {
  const space = fleetNamespace(0);
  const sourcePath = `/api/v1/namespaces/${space}/configmaps/web-0-envoy`;
  const [configMap] = fleetObjects(space, 'web-0');
  const text = stringAt(objectAt(configMap, 'data'), 'envoy.yaml') ?? '';
  const deployed = objectAt(fleetObjects(space, 'web-0')[1], 'spec');
  const derived = /web-0-envoy-svidecar-[0-9a-f]+/.exec(JSON.stringify(deployed))?.[0] ?? '';
  const source = await change(
    controller,
    () => api.request('PATCH', sourcePath, { data: { 'envoy.yaml': `${text}# changed\n` } }),
    async () => (await read(api, space, derived)).includes('# changed'),
  );
  const added = /web-new-envoy-svidecar-[0-9a-f]+/.exec(
    JSON.stringify(fleetObjects(space, 'web-new')[1]),
  )?.[0];
  const workload = await change(
    controller,
    () => makeWorkload(api, space, 'web-new'),
    async () => (await read(api, space, added ?? '')).includes('ext_authz'),
  );
  const unrelated = await change(
    controller,
    () =>
      api.request('PATCH', `/apis/apps/v1/namespaces/${space}/deployments/web-1`, {
        spec: { replicas: 2 },
      }),
    () => Promise.resolve(true),
  );
  return { source, workload, unrelated };
}

async function run(api: ApiServer, folder: string): Promise<void> {
  const applied = await api.kubectl(['apply', '-k', 'manifests/kustomize/base']);
  if (applied.code !== 0) throw new Error(applied.stderr);
  await api.kubectl([
    'delete',
    'mutatingwebhookconfigurations,validatingadmissionpolicies',
    '--all',
  ]);
  const kubeconfig = await api.kubeconfigFor(user, ['system:authenticated']);
  await makeFleet(api, { namespaces, workloads });
  say(`${total} Deployments and their ConfigMaps`);
  await waitUntil(
    'every workload has its pod',
    async () => (await countOf(api, '/api/v1/pods')) >= total,
    { deadlineMs },
  );
  say(`${total} workloads in ${namespaces} namespaces, with ReplicaSets and pods`);

  const before = await countOf(api, configMaps);
  let controller = await ControllerProcess.start(folder, kubeconfig);
  const cold = await settle(controller);
  const isWritten = async (): Promise<boolean> =>
    (await countOf(api, configMaps)) >= before + 2 * total;
  await waitUntil('all is written', isWritten, { deadlineMs });
  const coldCalls = callsOf(await controller.samples());
  const coldMemory = controller.memory();
  say(
    `first start: ${2 * total} ConfigMaps made in ${(cold.allMs / 1000).toFixed(1)} s, ` +
      `${coldCalls} calls, ${coldMemory.peakMib.toFixed(0)} MiB at most`,
  );
  await controller.stop();

  const bare: number[] = [];
  const restarts: { readyMs: number; allMs: number; writes: number; cpuMs: number }[] = [];
  let memory = coldMemory;
  for (let round = 0; round < Number(values.rounds); round += 1) {
    if (round > 0) await controller.stop();
    bare.push(await bareListMs(api));
    controller = await ControllerProcess.start(folder, kubeconfig);
    const settled = await settle(controller);
    const samples = await controller.samples();
    restarts.push({ ...settled, writes: writesOf(samples), cpuMs: controller.cpuMs() });
    say(
      `restart ${round + 1}: ready after ${(settled.readyMs / 1000).toFixed(1)} s, ` +
        `all looked at after ${(settled.allMs / 1000).toFixed(1)} s`,
    );
  }
  const quietFrom = callsOf(await controller.samples());
  await sleep(Number(values.seconds) * 1000);
  const quiet = callsOf(await controller.samples()) - quietFrom;
  for (const [name, value] of await controller.samples()) {
    if (name.startsWith('svidecar_cluster_calls_total')) say(`  ${name} ${value}`);
  }
  memory = controller.memory();
  const changed = await changes(api, controller);
  await controller.stop();

  const figures = {
    workloads: total,
    namespaces,
    first_start_s: round(cold.allMs / 1000),
    first_start_calls: coldCalls,
    first_start_peak_mib: round(coldMemory.peakMib),
    ready_s: round(median(restarts.map(({ readyMs }) => readyMs)) / 1000),
    restart_s: round(median(restarts.map(({ allMs }) => allMs)) / 1000),
    restart_cpu_s: round(median(restarts.map(({ cpuMs }) => cpuMs)) / 1000),
    restart_writes: Math.max(...restarts.map(({ writes }) => writes)),
    bare_list_s: round(median(bare) / 1000),
    ready_vs_bare_list: round(median(restarts.map(({ readyMs }) => readyMs)) / median(bare)),
    rss_mib: round(memory.rssMib),
    peak_mib: round(memory.peakMib),
    quiet_calls_per_s: round(quiet / Number(values.seconds)),
    source_change_ms: Math.round(changed.source.ms),
    source_change_calls: changed.source.calls,
    new_workload_ms: Math.round(changed.workload.ms),
    new_workload_calls: changed.workload.calls,
    scaling_calls: changed.unrelated.calls,
  };
  process.stdout.write('\n');
  for (const [name, value] of Object.entries(figures)) {
    process.stdout.write(`${name.padEnd(24)} ${value}\n`);
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const folder = mkdtempSync(join(tmpdir(), 'svidecar-bench-'));
const api = await startApiServer();
try {
  await run(api, folder);
} finally {
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
}
