import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type * as ClientLibrary from '../../../webhook/kube/client-library.ts';
import { bundle, partsFolder } from '../../../scripts/bundle.ts';

/** Bytes of what is used of the Kubernetes client; its generated API alone has 1,700,000. */
const clientBudget = 300_000;

describe('of the Kubernetes client, bundles have what reads kubeconfigs and forwards ports', () => {
  const folder = mkdtempSync(join(tmpdir(), 'svidecar-bundle-'));
  const inside: string[] = [];
  let part = '';

  beforeAll(async () => {
    inside.push(...(await bundle('webhook', join(folder, 'main.mjs'))));
    const parts = readdirSync(join(folder, partsFolder));
    part = join(folder, partsFolder, parts.find((name) => name.startsWith('client-library')) ?? '');
  }, 60_000);

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test('neither its generated calls nor the HTTP client for them', () => {
    expect(inside).toContain('node_modules/@kubernetes/client-node');
    expect(inside).not.toContain('node_modules/undici');
    expect(statSync(part).size).toBeLessThan(clientBudget);
  });

  test('with which credentials are applied and forwarding is asked for', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer().on('upgrade', ({ url, headers }, socket) => {
      asked.push(url, headers.authorization);
      socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // A TCP server has an AddressInfo.
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // What was just built from that file.
    const { KubeConfig, PortForward } = (await import(part)) as typeof ClientLibrary;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'c', server: url, skipTLSVerify: true },
      { name: 'u', token: 'sesame' },
    );
    const bytes = new PassThrough();
    const forwarded = new PortForward(config).portForward('shop', 'pod', [80], bytes, null, bytes);
    await expect(forwarded).rejects.toMatchObject({
      message: expect.stringContaining('403') as string,
    });
    expect(asked).toEqual([
      '/api/v1/namespaces/shop/pods/pod/portforward?ports=80',
      'Bearer sesame',
    ]);
    server.close();
  });
});
