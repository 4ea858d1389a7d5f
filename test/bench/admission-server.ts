/**
 * One server of the admission benchmark, in a process of its own: ours, with the real reviewer, or the bare peer.
 * usage: admission-server ours|bare REPOSITORY PAIR-FOLDER; figures are told over the IPC channel.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fastify } from 'fastify';
import type { AddressInfo } from 'node:net';
import { envoyCheck } from '../../webhook/admission/check-envoy.ts';
import { review, type ReviewContext } from '../../webhook/admission/review.ts';
import { loadEngine } from '../../webhook/files/load-engine.ts';
import { WebhookServer } from '../../webhook/server/server.ts';
import type { ServingPair } from '../../certs/certificate-ports.ts';
import { isArray, isObject, objectAt, listAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { pointer } from '../../webhook/editing/operation.ts';
import { envoyConfig, reviewOfBytes } from './review-bodies.ts';

export interface ServerFigures {
  /** Microseconds of CPU since the start. */
  readonly cpuUs: number;
  readonly peakMib: number;
}
export type ServerMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | ({ readonly kind: 'figures' } & ServerFigures)
  | {
      readonly kind: 'shares';
      readonly parseUs: number;
      readonly reviewUs: number;
      readonly writeUs: number;
    };

const [which = 'ours', repository = '', pairFolder = ''] = process.argv.slice(2);
const pair: ServingPair = {
  certificate: readFileSync(join(pairFolder, 'tls.crt'), 'utf8'),
  key: readFileSync(join(pairFolder, 'tls.key'), 'utf8'),
  notAfter: 4_000_000_000,
};

function tell(message: ServerMessage): void {
  process.send?.(message);
}

function context(): ReviewContext {
  const engine = loadEngine({
    templates: join(repository, 'templates'),
    config: undefined,
    kubernetesMinor: 36,
    version: '0.1.0',
  });
  const source = { resourceVersion: '1', data: { 'envoy.yaml': envoyConfig } };
  return {
    engine,
    checkEnvoy: envoyCheck(() => source, engine.memory.copies),
    configMapKeys: () => ['envoy.yaml'],
    heldConfigMap: () => undefined,
    ignoredNamespaces: new Set(engine.config.ignoredNamespaces),
  };
}

const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {
  // A benchmark has no log.
}

async function startOurs(reviewing: ReviewContext): Promise<number> {
  const server = new WebhookServer({
    reviewer: () => (body) => review(body, reviewing),
    ready: () => [],
    certificates: { current: () => pair, onChange: () => ignore },
    clock: Date,
    log: silent,
  });
  return server.start('127.0.0.1', 0);
}

/** What the least useful webhook must do: parse, append a container, two volumes and annotations, answer. */
async function startBare(): Promise<number> {
  const app = fastify({
    https: { cert: pair.certificate, key: pair.key },
    bodyLimit: 7 * 1024 * 1024,
  });
  app.post('/mutate', (request) => {
    const body = isObject(request.body) ? request.body : {};
    const asked = objectAt(body, 'request');
    return bareAnswer(stringAt(asked, 'uid') ?? '', objectAt(asked, 'object'));
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  // A TCP server has an AddressInfo.
  return (app.server.address() as AddressInfo).port;
}

function bareAnswer(uid: string, object: JsonObject): JsonObject {
  const annotations = {
    ...objectAt(objectAt(object, 'metadata'), 'annotations'),
    injected: 'true',
  };
  const hasVolumes = isArray(objectAt(object, 'spec')['volumes']);
  const container = {
    name: 'helper',
    image: 'helper:1',
    args: ['-config', '/etc/helper/helper.yaml'],
  };
  const volumes = [
    { name: 'socket', csi: { driver: 'csi.spiffe.io', readOnly: true } },
    { name: 'settings', configMap: { name: 'helper' } },
  ];
  const containers = listAt(objectAt(object, 'spec'), 'containers').length;
  const operations = [
    { op: 'add', path: pointer('spec', 'containers', containers), value: container },
    ...(hasVolumes ? volumes.map((value) => ({ op: 'add', path: '/spec/volumes/-', value })) : []),
    { op: 'add', path: '/metadata/annotations', value: annotations },
  ];
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  const response = { uid, allowed: true, patchType: 'JSONPatch', patch };
  return { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response };
}

/** Microseconds of CPU for one call. */
function cpuOf(rounds: number, act: () => void): number {
  for (let round = 0; round < rounds; round += 1) act();
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / rounds;
}

function tellShares(reviewing: ReviewContext): void {
  const text = reviewOfBytes(6_600).toString();
  const body: unknown = JSON.parse(text);
  const answer = review(body, reviewing).body;
  tell({
    kind: 'shares',
    parseUs: cpuOf(2_000, () => void JSON.parse(text)),
    reviewUs: cpuOf(2_000, () => void review(body, reviewing)),
    writeUs: cpuOf(2_000, () => void JSON.stringify(answer)),
  });
}

const reviewing = which === 'ours' ? context() : undefined;
const port = reviewing === undefined ? await startBare() : await startOurs(reviewing);
process.on('message', (asked) => {
  if (asked === 'figures') {
    const { user, system } = process.cpuUsage();
    tell({ kind: 'figures', cpuUs: user + system, peakMib: process.resourceUsage().maxRSS / 1024 });
  } else if (asked === 'shares' && reviewing !== undefined) tellShares(reviewing);
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'listening', port });
