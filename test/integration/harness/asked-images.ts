/** Our images as they are asked in a cluster, with stand-ins for the cluster: a check of the helper, a review of the webhook. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { renderSettings } from '../../../sidecar/config/settings.ts';
import { startEnvoyStandIn } from '../../../sidecar/stand-ins/envoy-stand-in.ts';
import { createAuthority } from '../../../sidecar/stand-ins/jwt-authority.ts';
import { startEmbeddedWorkloadApi } from '../../../sidecar/stand-ins/workload-api.ts';
import { reviewOfBytes } from '../../bench/review-bodies.ts';
import { FakeApiServer } from '../../fakes/api-server.ts';
import { makeServingPair } from '../../fakes/serving-pair.ts';
import { openKubeconfig } from './kubeconfig.ts';
import { freePort } from './free-port.ts';
import { startProcess, waitUntil, type RunningProcess } from './processes.ts';
import { reviewRequest } from './review-request.ts';
import { containerCommand, type Container, type UnpackedImage } from './unpacked-images.ts';

/** An emulated program takes many times as long, beside other tests above all. */
const deadlineMs = 200_000;

interface Asked {
  readonly image: UnpackedImage;
  readonly folder: string;
  /** @see Container.emulator */
  readonly emulator: string;
}

function startImage(
  { image, folder, emulator }: Asked,
  container: Pick<Container, 'words' | 'env'>,
): RunningProcess {
  const given = { ...container, emulator, volume: folder };
  const [command = '', ...args] = containerCommand(image, given);
  return startProcess({ name: 'image', command, args, folder });
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return hostOf(server);
}

function hostOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('expected a port');
  return `127.0.0.1:${address.port}`;
}

/** @returns the Authorization header with which a request goes on that a helper with the rule jwt-inject was asked about */
export async function headerFromHelper(asked: Asked): Promise<string> {
  const { folder } = asked;
  chmodSync(folder, 0o755);
  const authority = await createAuthority({ trustDomain: 'example.org' });
  const socketPath = join(folder, 'agent.sock');
  const identities = [{ spiffeId: 'spiffe://example.org/frontend' }];
  const api = await startEmbeddedWorkloadApi({ authority, socketPath, identities });
  chmodSync(socketPath, 0o777);
  const port = await freePort();
  const rule = { name: 'jwt-inject', mode: 'inject' as const, audience: 'backend' };
  const listen = { host: '127.0.0.1', port };
  const health = { host: '127.0.0.1', port: await freePort() };
  const settings = renderSettings({ version: 1, listen, health, rules: [rule] });
  writeFileSync(join(folder, 'helper.yaml'), settings);
  const running = startImage(asked, {
    words: ['-config', '/mnt/helper.yaml'],
    env: ['SPIFFE_ENDPOINT_SOCKET=unix:///mnt/agent.sock'],
  });
  const upstream = createServer((received, response) => {
    response.end(received.headers.authorization);
  });
  const envoy = await startEnvoyStandIn({
    port: 0,
    helper: `127.0.0.1:${port}`,
    rule: rule.name,
    upstream: await listening(upstream),
  });
  let header = '';
  try {
    const isAllowed = async (): Promise<boolean> => {
      const answer = await fetch(`http://${hostOf(envoy)}/`);
      header = await answer.text();
      return answer.status === 200;
    };
    const patience = { processes: [running], deadlineMs };
    await waitUntil('the helper allows a request', isAllowed, patience);
    return header;
  } finally {
    await running.stop();
    await api.stop();
    for (const server of [envoy, upstream]) server.close();
  }
}

/** @returns what the webhook says of a Deployment that asks for injection */
export async function reviewFromWebhook(asked: Asked): Promise<string> {
  const { folder } = asked;
  chmodSync(folder, 0o755);
  const api = new FakeApiServer();
  api.put('Namespace', {
    metadata: { name: 'shop', labels: { 'svidecar.dev/injection': 'enabled' } },
  });
  await writeCertificates(join(folder, 'tls'));
  writeFileSync(join(folder, 'kubeconfig'), openKubeconfig(await api.start()));
  const port = await freePort();
  const files = ['--certificates', '/mnt/tls', '--kubeconfig', '/mnt/kubeconfig'];
  const place = ['--host', '127.0.0.1', '--port', `${port}`];
  const running = startImage(asked, { words: ['serve', ...files, ...place] });
  let said = '';
  try {
    const answers = async (): Promise<boolean> => {
      const answer = await review(port);
      said = await textOf(answer);
      return answer.statusCode === 200;
    };
    const patience = { processes: [running], everyMs: 500, deadlineMs };
    await waitUntil('the webhook reviews', answers, patience);
    return said;
  } finally {
    await running.stop();
    await api.stop();
  }
}

async function writeCertificates(folder: string): Promise<void> {
  mkdirSync(folder);
  const pair = await makeServingPair({ name: 'svidecar' });
  writeFileSync(join(folder, 'tls.crt'), pair.certificate);
  writeFileSync(join(folder, 'tls.key'), pair.key);
}

function review(port: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = reviewRequest(port);
    sent.on('response', resolve).on('error', reject).end(reviewOfBytes(6_600));
  });
}

/** @returns what the demo's backend shows of an account */
export async function answerFromDemo(asked: Asked): Promise<string> {
  chmodSync(asked.folder, 0o755);
  const port = await freePort();
  const env = ['HOST=127.0.0.1', `PORT=${port}`];
  const running = startImage(asked, { words: ['backend'], env });
  let said = '';
  try {
    const answers = async (): Promise<boolean> => {
      const answer = await fetch(`http://127.0.0.1:${port}/`);
      said = await answer.text();
      return true;
    };
    await waitUntil('the demo answers', answers, { processes: [running], deadlineMs });
    return said;
  } finally {
    await running.stop();
  }
}
