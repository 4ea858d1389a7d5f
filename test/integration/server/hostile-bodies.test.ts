/**
 * The real program under the Deployment's heap flags: whatever bodies arrive, it lives on, answers honest reviews of
 * another namespace, and stays below the Deployment's memory limit. Nothing here is about time.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { envoyConfig, reviewOfBytes } from '../../bench/review-bodies.ts';
import { FakeApiServer } from '../../fakes/api-server.ts';
import { makeServingPair } from '../../fakes/serving-pair.ts';
import { memoryForms } from '../../../webhook/request/quantity.ts';
import { defaultLimits } from '../../../webhook/server/limits.ts';
import { openKubeconfig } from '../harness/kubeconfig.ts';
import { freePort } from '../harness/free-port.ts';
import { startProcess, waitUntil, type RunningProcess } from '../harness/processes.ts';
import { reviewRequest } from '../harness/review-request.ts';
import { createWorkFolder, type WorkFolder } from '../harness/work-folder.ts';

const repository = join(import.meta.dirname, '../../..');
const bytes = defaultLimits.maxBodyBytes;
const weight = defaultLimits.maxWeight;

const list = (piece: (index: number) => string, count: number): string =>
  `[${Array.from({ length: count }, (_, index) => piece(index)).join()}]`;
/** An AdmissionReview of a pod with something in it that no pod has. */
const within = (odd: string): string =>
  reviewOfBytes(2_000).toString().replace('"spec":{', `"spec":{"odd":${odd},`);

const honest = reviewOfBytes(6_600).toString();
const refused: readonly (readonly [string, () => string])[] = [
  ['open brackets', (): string => '['.repeat(bytes)],
  ['empty objects', (): string => list(() => '{}', bytes / 3)],
  ['ever new keys', (): string => list((index) => `{"k${index}":0}`, bytes / 15)],
  [
    'ever new keys in a review',
    (): string => within(list((index) => `{"k${index}":0}`, bytes / 20)),
  ],
];
const heaviest: readonly (readonly [string, () => string])[] = [
  ['as many values as are taken', (): string => within(list(() => '1', weight - 5_000))],
  ['as many empty objects', (): string => within(list(() => '{}', weight / 2 - 5_000))],
  [
    'as many new keys',
    (): string => within(list((index) => `{"k${index}":0}`, weight / 10 - 1_000)),
  ],
  ['one long text', (): string => within(`"${'a'.repeat(bytes - 10_000)}"`)],
];

let work: WorkFolder;
let api: FakeApiServer;
let program: RunningProcess;
let port: number;
let limitKib: number;

/** Of the Deployment in the base. */
async function settingsOfDeployment(): Promise<{ nodeOptions: string; memory: string }> {
  const path = join(repository, 'manifests/kustomize/base/deployment.yaml');
  const [document] = parseAllDocuments(await readFile(path, 'utf8'));
  const deployment: unknown = document?.toJS();
  const spec = objectAt(isObject(deployment) ? deployment : {}, 'spec');
  const [first] = listAt(objectAt(objectAt(spec, 'template'), 'spec'), 'containers');
  const container: JsonObject = isObject(first) ? first : {};
  const variable = listAt(container, 'env').find(
    (each): each is JsonObject => isObject(each) && each['name'] === 'NODE_OPTIONS',
  );
  const limits = objectAt(objectAt(container, 'resources'), 'limits');
  return {
    nodeOptions: stringAt(variable ?? {}, 'value') ?? '',
    memory: stringAt(limits, 'memory') ?? '',
  };
}

async function startProgram(nodeOptions: string): Promise<void> {
  const certificates = join(work.path, 'tls');
  await mkdir(certificates);
  const pair = await makeServingPair({ name: 'svidecar' });
  await writeFile(join(certificates, 'tls.crt'), pair.certificate);
  await writeFile(join(certificates, 'tls.key'), pair.key);
  const kubeconfig = join(work.path, 'kubeconfig');
  await writeFile(kubeconfig, openKubeconfig(await api.start()));
  port = await freePort();
  const main = join(repository, 'webhook/main.ts');
  const flags = ['--certificates', certificates, '--kubeconfig', kubeconfig, '--port', `${port}`];
  program = startProcess({
    name: 'svidecar',
    command: process.execPath,
    args: [main, 'serve', ...flags, '--host', '127.0.0.1'],
    folder: work.path,
    env: { NODE_OPTIONS: nodeOptions },
  });
  const isReady = async (): Promise<boolean> => (await call(honest)).code === 200;
  await waitUntil('svidecar is ready', isReady, { processes: [program] });
}

interface Answer {
  readonly code: number;
  readonly text: string;
}

/** Code 0: the connection was closed on us before an answer, which a hostile sender may meet. */
async function call(body: string): Promise<Answer> {
  const sent = reviewRequest(port);
  const answered = new Promise<IncomingMessage | undefined>((resolve) => {
    sent.on('response', resolve);
    sent.on('error', () => {
      resolve(undefined);
    });
  });
  sent.end(body);
  const response = await answered;
  if (response === undefined) return { code: 0, text: '' };
  return { code: response.statusCode ?? 0, text: await textOf(response).catch(() => '') };
}

async function askHonestly(): Promise<void> {
  const { code, text } = await call(honest);
  expect(code, text).toBe(200);
  expect(text).toContain('"patch":"');
}

function peakKib(): number {
  const status = readFileSync(`/proc/${program.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN);
}

/** Sends bodies of which a byte arrives now and then; returns how to stop. */
async function trickle(connections: number): Promise<() => void> {
  const sockets = await Promise.all(
    Array.from({ length: connections }, async (_, index): Promise<TLSSocket> => {
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      // It is what the server does with them that counts: some are cut.
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      const length = index % 2 === 0 ? bytes : 900_000;
      const head = 'POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n';
      socket.write(`${head}content-length: ${length}\r\n\r\n[`);
      return socket;
    }),
  );
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('[');
  }, 20);
  return () => {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
  };
}

describe('the webhook with the heap flags of its Deployment', () => {
  beforeAll(async () => {
    work = await createWorkFolder('hostile');
    api = new FakeApiServer();
    api.put('Namespace', {
      metadata: { name: 'shop', labels: { 'svidecar.dev/injection': 'enabled' } },
    });
    api.put('ConfigMap', {
      metadata: { name: 'frontend-envoy', namespace: 'shop' },
      data: { 'envoy.yaml': envoyConfig },
    });
    const { nodeOptions, memory } = await settingsOfDeployment();
    expect(nodeOptions).toContain('--max-old-space-size=');
    expect(memory, memoryForms).toMatch(/^\d+Mi$/);
    limitKib = Number.parseInt(memory, 10) * 1024;
    await startProgram(nodeOptions);
  });
  afterAll(async () => {
    await program.stop(0);
    await api.stop();
    await work.remove();
  });

  test('outlives every hostile body, alone and several at once, and answers honest reviews meanwhile', async () => {
    const stopTrickling = await trickle(10);
    for (const [name, make] of [...refused, ...heaviest]) {
      const body = make();
      const hostile = Promise.all(Array.from({ length: 3 }, () => call(body)));
      await askHonestly();
      const codes = (await hostile).map(({ code }) => code);
      const expected = refused.some(([each]) => each === name) ? [0, 400, 413, 503] : [0, 200, 503];
      for (const code of codes) expect(expected, `${name}: ${code}`).toContain(code);
      await askHonestly();
      expect(program.isRunning(), `${name}\n${program.logTail()}`).toBe(true);
    }
    stopTrickling();
    const peak = peakKib();
    expect(peak).toBeGreaterThan(0);
    expect(peak).toBeLessThan(limitKib);
  });
});
