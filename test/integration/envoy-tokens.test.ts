/**
 * Tokens on top of mTLS, in the Envoy that svidecar brings: a pod as the shipped templates make it calls itself, out through its
 * upstream and in through its own port, with a real helper and a real SPIRE, in both data paths.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readSettings } from '../../sidecar/config/settings.ts';
import { injectTexts } from '../../webhook/manifests/inject-texts.ts';
import { engineFor } from '../fakes/engine.ts';
import { describeWithComponents } from './harness/components.ts';
import { startEnvoy, type RunningEnvoy } from './harness/envoy.ts';
import { freePort, waitUntil } from './harness/processes.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { mintCertificate, requestOverTls, type ClientCertificate } from './harness/tls-client.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send } from './mesh/app.ts';
import { startHelper, type HelperProcess } from './mesh/helper-process.ts';

const uid = process.getuid?.() ?? 0;
const ids = {
  own: 'spiffe://example.org/ns/shop/sa/shop',
  other: 'spiffe://example.org/ns/shop/sa/other',
};

interface Ports {
  readonly inbound: number;
  readonly upstream: number;
  readonly app: number;
}

/** What `svidecar inject` makes of a plain pod. */
function injectedPod(dataPath: string, { inbound, upstream, app }: Ports) {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'shop',
      namespace: 'shop',
      annotations: {
        'inject.svidecar.dev/templates': 'envoy, jwt-inject, jwt-validate',
        'svidecar.dev/data-path': dataPath,
        'svidecar.dev/inbound': `${inbound}=${app}`,
        'svidecar.dev/upstreams': `${upstream}=127.0.0.1:${inbound} ${ids.own}`,
        'svidecar.dev/allow-callers': ids.own,
      },
    },
    spec: { serviceAccountName: 'shop', containers: [{ name: 'app', image: 'app' }] },
  };
  const options = { engine: engineFor(), namespace: 'shop' };
  const { configMaps, problems } = injectTexts(
    [{ name: 'pod.yaml', text: stringify(pod) }],
    options,
  );
  expect(problems).toEqual([]);
  const text = (file: string): string =>
    configMaps.map(({ data }) => data[file]).find((each) => each !== undefined) ?? '';
  return { envoy: text('envoy.yaml'), settings: text('helper.yaml') };
}

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'a pod with tokens', () => {
  let work: WorkFolder;
  let spire: Spire;
  let app: Server;
  /** The Authorization headers that the app has seen. */
  const seen: (string | undefined)[] = [];

  beforeAll(async () => {
    work = await createWorkFolder('proxy-tokens');
    spire = await startSpire();
    await spire.createEntry({ spiffeId: ids.own, selectors: [`unix:uid:${uid}`] });
    app = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('hello');
    });
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    app.close();
    await spire.stop();
    await work.remove();
  });

  describe.each(['ext-authz', 'native'])('%s', (dataPath) => {
    let helper: HelperProcess;
    let envoy: RunningEnvoy;
    let ports: Ports;
    let own: ClientCertificate;

    beforeAll(async () => {
      const appPort = (app.address() as AddressInfo).port;
      ports = { inbound: await freePort(), upstream: await freePort(), app: appPort };
      const pod = injectedPod(dataPath, ports);
      const { rules, dataPath: path } = readSettings(pod.settings, 'helper.yaml');
      helper = await startHelper({
        name: `proxy-${dataPath}`,
        runtime: 'node',
        folder: work.path,
        workloadApi: spire.endpoint,
        rules,
        dataPath: path,
      });
      const places: Readonly<Record<string, string>> = {
        'port_value: 9010': `port_value: ${helper.port}`,
        'port_value: 9012': `port_value: ${await freePort()}`,
        'port_value: 9013': `port_value: ${await freePort()}`,
        '/spiffe-workload-api/spire-agent.sock': spire.socketPath,
      };
      let text = pod.envoy;
      for (const [there, here] of Object.entries(places)) text = text.replaceAll(there, here);
      envoy = await startEnvoy(text, { args: ['--concurrency', '1'] });
      own = await mintCertificate(spire.server, ids.own, { folder: work.path });
      const passes = async (): Promise<boolean> => (await send(ports.upstream)).status === 200;
      await waitUntil('requests pass', passes, { deadlineMs: 20_000 });
    });
    afterAll(async () => {
      await Promise.all([envoy.stop(), helper.stop()]);
    });

    test('who calls through the upstream has a token for whoever must answer', async () => {
      seen.length = 0;
      expect(await send(ports.upstream)).toEqual({ status: 200, body: 'hello' });
      const [, payload = ''] = (seen[0] ?? '').split('.');
      expect(parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
        sub: ids.own,
        aud: [ids.own],
      });
    });

    test('neither the certificate nor the token is enough', async () => {
      const token = (sub: string, aud: string): Promise<string> => spire.server.mintJwt(sub, aud);
      const good = await token(ids.own, ids.own);
      const status = async (bearer: string | undefined, certificate?: ClientCertificate) => {
        const headers = bearer === undefined ? [] : [`authorization: Bearer ${bearer}`];
        return requestOverTls(ports.inbound, { ...certificate, headers });
      };
      expect(await status(good, own)).toBe('HTTP/1.1 200 OK');
      const refused = /^HTTP\/1\.1 40[13] /;
      expect(await status(undefined, own)).toMatch(refused);
      expect(await status(await token(ids.own, ids.other), own)).toMatch(refused);
      expect(await status(await token(ids.other, ids.own), own)).toMatch(refused);
      expect(await status(good)).toMatch(/^refused: /);
      const other = await mintCertificate(spire.server, ids.other, { folder: work.path });
      expect(await status(good, other)).toMatch(/^refused: /);
    });
  });
});
