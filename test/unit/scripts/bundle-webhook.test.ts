import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type * as ClientLibrary from '../../../webhook/kube/client-library.ts';
import { bundle, partsFolder } from '../../../scripts/bundle.ts';

/** Bytes of what is used of the Kubernetes client; its generated API alone has 1,700,000. */
const clientBudget = 300_000;

describe('the webhook in parts', () => {
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

  /** The text of a part, and of all that is loaded with it. */
  function readStatically(name: string, seen = new Set<string>()): string {
    const path = join(folder, name);
    if (seen.has(path)) return '';
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    const imported = [...text.matchAll(/(?:from|import)"(\.[^"]+\.mjs)"/g)];
    return (
      text +
      imported.map(([, file = '']) => readStatically(join(dirname(name), file), seen)).join('')
    );
  }

  test('of the Kubernetes client, neither its generated calls nor the HTTP client for them', () => {
    expect(inside).toContain('node_modules/@kubernetes/client-node');
    expect(inside).not.toContain('node_modules/undici');
    expect(statSync(part).size).toBeLessThan(clientBudget);
  });

  test('a web server and certificates are read by commands that need them alone', () => {
    const all = readStatically('main.mjs');
    const has = ['svidecar inject', 'FST_ERR_', 'SubjectAlternativeNameExtension'];
    expect(has.map((text) => all.includes(text))).toEqual([true, false, false]);
  });

  test('what is left of the client applies credentials and asks for forwarding', async () => {
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
