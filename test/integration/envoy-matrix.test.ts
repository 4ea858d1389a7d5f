/**
 * Who passes where: by mTLS alone, by tokens in clear, and by both, in both data paths, on real SPIRE and real Envoy, injected by
 * the shipped templates. What was seen is the table of docs/envoy.md: `UPDATE=1` writes it.
 */
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeKey, makeToken } from '../fakes/token-maker.ts';
import { cellOf } from './data-paths/page.ts';
import { dataPaths, startPod } from './data-paths/pods.ts';
import { describeWithComponents } from './harness/components.ts';
import { freePort } from './harness/free-port.ts';
import { waitUntil } from './harness/processes.ts';
import { expectOnPage, tableOf } from './harness/seen-page.ts';
import { startSpireServer, type SpireServer } from './harness/spire-server.ts';
import { startSpire, type Spire } from './harness/spire.ts';
import { exchangeOverTls, mintCertificate, type ClientCertificate } from './harness/tls-client.ts';
import { createWorkFolder, type WorkFolder } from './harness/work-folder.ts';
import { send, startApp, type Answer } from './mesh/app.ts';
import { portOf } from './mesh/echo-app.ts';
import { injectPod } from './mesh/injected-pod.ts';
import { startProxiedPod } from './mesh/proxied-pod.ts';

const uid = process.getuid?.() ?? 0;
const sa = (name: string, domain = 'example.org'): string =>
  `spiffe://${domain}/ns/shop/sa/${name}`;
const self = sa('backend');
const callers = {
  right: sa('frontend'),
  other: sa('other'),
  partner: sa('frontend', 'partner.org'),
  stranger: sa('frontend', 'stranger.org'),
};
const rules = {
  'svidecar.dev/allow-callers': `${callers.right}, ${callers.partner}`,
  'spiffe.io/federatesWith': 'partner.org',
  'svidecar.dev/spiffe-id': self,
};
/** With which the partner signs what SPIRE would not. */
const partnerKey = makeKey('partner');

const shown = {
  right: 'of the caller',
  none: 'none',
  other: 'of another workload',
  partner: 'of the federated caller',
  stranger: 'of a trust domain that is not federated',
  impostor: "of another authority, under the caller's name",
  expired: 'of the caller, expired',
} as const;
const tokens = {
  ...shown,
  elsewhere: 'of the caller, for another audience',
  expired: 'of the federated caller, expired',
} as const;

/** What a client shows. */
type Pair = readonly [certificate: keyof typeof shown, token: keyof typeof tokens];

const pairs: readonly Pair[] = [
  ['right', 'right'],
  ['partner', 'partner'],
  ['right', 'none'],
  ['right', 'elsewhere'],
  ['right', 'expired'],
  ['right', 'other'],
  ['right', 'stranger'],
  ['right', 'impostor'],
  ['right', 'partner'],
  ['none', 'right'],
  ['expired', 'right'],
  ['other', 'right'],
  ['stranger', 'right'],
  ['impostor', 'right'],
  ['none', 'none'],
];

const columns = [
  'mTLS alone',
  ...dataPaths.map((path) => `JWT in clear, \`${path}\``),
  ...dataPaths.map((path) => `both, \`${path}\``),
];

describeWithComponents(['envoy', 'spire-server', 'spire-agent'], 'who passes where', () => {
  let work: WorkFolder;
  let spire: Spire;
  /** Federated; not federated; and one that calls itself by the name of ours. */
  let partner: SpireServer;
  let stranger: SpireServer;
  let impostor: SpireServer;
  let app: Server;
  let shownCertificates: Readonly<Record<string, Partial<ClientCertificate>>>;
  let shownTokens: Readonly<Record<string, string | undefined>>;
  /** By column. */
  const ports: { readonly isClear: boolean; readonly port: number }[] = [];
  const stops: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    work = await createWorkFolder('envoy-matrix');
    [spire, partner, stranger, impostor, app] = await Promise.all([
      startSpire(),
      startSpireServer({ trustDomain: 'partner.org' }),
      startSpireServer({ trustDomain: 'stranger.org' }),
      startSpireServer(),
      startApp(),
    ]);
    await trustPartner();
    await spire.createEntry({
      spiffeId: self,
      selectors: [`unix:uid:${uid}`],
      federatesWith: ['spiffe://partner.org'],
    });
    await Promise.all([startPods(), mintAll()]);
    for (const one of ports)
      await waitUntil('both callers pass', async () => {
        const right = await ask(one, ['right', 'right']);
        const federated = await ask(one, ['partner', 'partner']);
        return right === 'passes' && federated === 'passes';
      });
  }, 90_000);
  afterAll(async () => {
    app.close();
    await Promise.all(stops.map((stop) => stop()));
    await Promise.all([spire.stop(), partner.stop(), stranger.stop(), impostor.stop()]);
    await work.remove();
  });

  async function trustPartner(): Promise<void> {
    const bundle = JSON.parse(await partner.showBundle()) as { readonly keys: readonly object[] };
    const keys = [...bundle.keys, { ...partnerKey.jwk, use: 'jwt-svid' }];
    await spire.server.setBundle('partner.org', JSON.stringify({ ...bundle, keys }));
  }

  async function startPods(): Promise<void> {
    const common = { folder: work.path, spire, serviceAccount: 'backend' };
    const proxied = async (name: string, more: Readonly<Record<string, string>>) => {
      const port = await freePort();
      const inbound = { 'svidecar.dev/inbound': `${port}=${portOf(app)}` };
      const pod = await startProxiedPod({
        ...common,
        name,
        annotations: { ...rules, ...inbound, ...more },
      });
      stops.push(() => pod.stop());
      return { isClear: false, port };
    };
    const clear = async (dataPath: (typeof dataPaths)[number]) => {
      const annotations = {
        ...rules,
        'inject.svidecar.dev/templates': 'jwt-validate',
        'svidecar.dev/validate-listeners': 'INBOUND',
      };
      const helper = { folder: work.path, workloadApi: spire.endpoint };
      const pod = await startPod({
        name: 'clear',
        annotations,
        dataPath,
        app: portOf(app),
        helper,
      });
      stops.push(() => pod.stop());
      return { isClear: true, port: pod.in };
    };
    const asked = (templates: string, dataPath = 'ext-authz') => ({
      'inject.svidecar.dev/templates': templates,
      'svidecar.dev/data-path': dataPath,
    });
    const first = await proxied('mtls', asked('envoy'));
    // The bundle of the helper is made once, by the first of them.
    const strict = await proxied('both-ext-authz', asked('envoy, jwt-validate'));
    const [native, ...clears] = await Promise.all([
      proxied('both-native', asked('envoy, jwt-validate', 'native')),
      ...dataPaths.map(clear),
    ]);
    ports.push(first, ...clears, strict, native);
  }

  async function mintAll(): Promise<void> {
    const certificate = async (from: SpireServer, id: string, ttlS = 300) => {
      const folder = work.path;
      return mintCertificate(from, id, { folder, ttlS });
    };
    const ours = spire.server;
    shownCertificates = {
      none: {},
      // One after the other: they are written to the same files.
      expired: await certificate(ours, callers.right, 1),
      right: await certificate(ours, callers.right),
      other: await certificate(ours, callers.other),
      partner: await certificate(partner, callers.partner),
      stranger: await certificate(stranger, callers.stranger),
      impostor: await certificate(impostor, callers.right),
    };
    const past = { sub: callers.partner, aud: [self], exp: Math.floor(Date.now() / 1_000) - 120 };
    shownTokens = {
      right: await ours.mintJwt(callers.right, self),
      elsewhere: await ours.mintJwt(callers.right, callers.other),
      other: await ours.mintJwt(callers.other, self),
      partner: await partner.mintJwt(callers.partner, self),
      stranger: await stranger.mintJwt(callers.stranger, self),
      impostor: await impostor.mintJwt(callers.right, self),
      expired: makeToken({ key: partnerKey, claims: past }),
    };
    await sleep(1_500);
  }

  async function ask({ isClear, port }: (typeof ports)[number], pair: Pair): Promise<string> {
    const [certificate, token] = pair;
    const bearer = shownTokens[token];
    const value = `Bearer ${bearer ?? ''}`;
    if (isClear)
      return cellOf(await send(port, bearer === undefined ? [] : ['authorization', value]));
    const headers = bearer === undefined ? [] : [`authorization: ${value}`];
    const text = await exchangeOverTls(port, shownCertificates[certificate] ?? {}, { headers });
    return text.startsWith('refused: ') ? 'no connection' : cellOf(answerOf(text));
  }

  test('docs/envoy.md says what was seen: UPDATE=1 writes it', async () => {
    const rows: (readonly string[])[] = [];
    for (const pair of pairs) {
      const cells = [];
      for (const one of ports) cells.push(await ask(one, pair));
      rows.push([shown[pair[0]], tokens[pair[1]], ...cells]);
    }
    const passing = (column: number): number =>
      rows.filter((cells) => cells[column + 2] === 'passes').length;
    // mTLS: two callers, whatever the token. In clear: their tokens, whatever the certificate. Both: both.
    expect(columns.map((_, at) => passing(at))).toEqual([9, 8, 8, 3, 3]);
    expectOnPage('envoy.md', tableOf(['client certificate', 'token', ...columns], rows));
  }, 30_000);

  test('what leaves with a token in clear is warned about', () => {
    for (const dataPath of dataPaths) {
      const annotations = {
        'inject.svidecar.dev/templates': 'jwt-inject',
        'svidecar.dev/audience': self,
        'svidecar.dev/data-path': dataPath,
      };
      const pod = injectPod({
        name: 'frontend',
        annotations,
        files: { 'envoy.yaml': clearCaller },
      });
      expect(typeof pod === 'string' ? pod : pod.warnings.join('\n')).toContain(
        'has no TLS transport_socket',
      );
    }
  });
});

function answerOf(text: string): Answer {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  return { status: Number(head.split(' ', 2)[1]), body };
}

const clearCaller = `static_resources:
  listeners:
  - name: out
    address: {socket_address: {address: 127.0.0.1, port_value: 9001}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: out
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: backend}}]}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: backend
    type: STRICT_DNS
    load_assignment:
      cluster_name: backend
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: backend.shop, port_value: 8080}}}}]}]
`;
