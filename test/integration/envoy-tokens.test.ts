/**
 * Tokens on top of mTLS, in the Envoy that svidecar brings: a pod as the shipped templates make it calls itself, out through its
 * upstream and in through its own port, with a real helper and a real SPIRE, in both data paths.
 */
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { describeWithComponents } from './harness/components.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { mintCertificate, requestOverTls, type ClientCertificate } from './harness/tls-client.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send } from './mesh/app.ts';
import { startProxiedPod } from './mesh/proxied-pod.ts';
import {
  acceptWebSockets,
  openWebSocket,
  type Handshake,
  type WebSocketRequest,
} from './mesh/web-socket.ts';

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

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'a pod with tokens', () => {
  let work: WorkFolder;
  let spire: Spire;
  let app: Server;
  /** The Authorization headers that the app has seen. */
  const seen: (string | undefined)[] = [];
  const handshakes: Handshake[] = [];

  beforeAll(async () => {
    work = await createWorkFolder('proxy-tokens');
    spire = await startSpire();
    await spire.createEntry({ spiffeId: ids.own, selectors: [`unix:uid:${uid}`] });
    app = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('hello');
    });
    acceptWebSockets(app, handshakes);
    await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    app.close();
    await spire.stop();
    await work.remove();
  });

  describe.each(['ext-authz', 'native'])('%s', (dataPath) => {
    let pod: Awaited<ReturnType<typeof startProxiedPod>>;
    let ports: Ports;
    let own: ClientCertificate;

    beforeAll(async () => {
      const appPort = (app.address() as AddressInfo).port;
      ports = { inbound: await freePort(), upstream: await freePort(), app: appPort };
      pod = await startProxiedPod({
        name: `proxy-${dataPath}`,
        serviceAccount: 'shop',
        folder: work.path,
        spire,
        annotations: {
          'inject.svidecar.dev/templates': 'envoy, jwt-inject, jwt-validate',
          'svidecar.dev/data-path': dataPath,
          'svidecar.dev/inbound': `${ports.inbound}=${ports.app}`,
          'svidecar.dev/upstreams': `${ports.upstream}=127.0.0.1:${ports.inbound} ${ids.own}`,
          'svidecar.dev/allow-callers': ids.own,
        },
      });
      own = await mintCertificate(spire.server, ids.own, { folder: work.path });
      const passes = async (): Promise<boolean> => (await send(ports.upstream)).status === 200;
      await waitUntil('requests pass', passes, { deadlineMs: 20_000 });
    });
    afterAll(async () => {
      await pod.stop();
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

    describe('a WebSocket', () => {
      const straight = (request: WebSocketRequest): Promise<string> => {
        const tls = { rejectUnauthorized: false, ALPNProtocols: ['http/1.1'], ...own };
        return openWebSocket(
          connectTls({ host: '127.0.0.1', port: ports.inbound, ...tls }),
          request,
        );
      };
      const bearer = async (sub: string): Promise<readonly string[]> => [
        `authorization: Bearer ${await spire.server.mintJwt(sub, ids.own)}`,
      ];

      test('goes through both Envoys, with the token and the name of who calls', async () => {
        handshakes.length = 0;
        const socket = connect(ports.upstream, '127.0.0.1');
        expect(await openWebSocket(socket, {})).toBe('HTTP/1.1 101 Switching Protocols PING');
        expect(handshakes).toMatchObject([
          {
            headers: {
              authorization: expect.stringMatching(/^Bearer /) as string,
              'x-forwarded-client-cert': expect.stringContaining(`URI=${ids.own}`) as string,
            },
          },
        ]);
      });

      test('needs a token like any request', async () => {
        handshakes.length = 0;
        const refused = /^HTTP\/1\.1 40[13] /;
        expect(await straight({})).toMatch(refused);
        expect(await straight({ headers: await bearer(ids.other) })).toMatch(refused);
        expect(handshakes).toEqual([]);
        expect(await straight({ headers: await bearer(ids.own) })).toBe(
          'HTTP/1.1 101 Switching Protocols PING',
        );
      });

      test('an app that does not agree gets nothing behind the request, nor other upgrades', async () => {
        handshakes.length = 0;
        const forged = `GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-client-cert: URI=${ids.other}\r\n\r\n`;
        const headers = await bearer(ids.own);
        const told = { path: '/refuses', headers, early: forged };
        expect(await straight(told)).toBe('HTTP/1.1 200 OK');
        expect(handshakes.map(({ early }) => early)).toEqual(['']);
        seen.length = 0;
        for (const upgrade of ['tls', 'websocket, tls', 'CONNECT', 'connect-udp'])
          expect(await straight({ headers, upgrade }), upgrade).toMatch(/^HTTP\/1\.1 40[34] /);
        expect([seen, handshakes.length]).toEqual([[], 1]);
      });
    });
  });
});
