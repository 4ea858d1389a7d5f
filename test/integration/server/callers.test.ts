/** Who may ask the real HTTPS server for reviews, on loopback. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { text as textOf } from 'node:stream/consumers';
import { connect, type ConnectionOptions } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { reviewAll, reviewOf } from '../../fakes/reviewer.ts';
import { makeServingPair } from '../../fakes/serving-pair.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import type { CallerTrust } from '../../../webhook/server/callers.ts';
import { WebhookServer } from '../../../webhook/server/server.ts';
import { createAuthority, type Authority, type Certificate } from '../harness/authority.ts';
import { waitUntil } from '../harness/processes.ts';
import { allOf, handshake } from './clients.ts';

let ours: Authority;
let theirs: Authority;
let right: Certificate;
let other: Certificate;
let foreign: Certificate;
let trust: CallerTrust | undefined;
let server: WebhookServer;
let port: number;
let reviews = 0;

beforeAll(async () => {
  ours = await createAuthority('callers');
  theirs = await createAuthority('callers');
  right = await ours.issue({ commonName: 'api-server' });
  other = await ours.issue({ commonName: 'somebody', hosts: ['somebody.example'] });
  foreign = await theirs.issue({ commonName: 'api-server' });
});

beforeEach(async () => {
  trust = { ca: ours.caPem, names: ['api-server'] };
  reviews = 0;
  const pair = { ...(await makeServingPair({ name: 'svidecar' })), notAfter: 4_000_000_000 };
  server = new WebhookServer({
    reviewer: () => (body) => {
      reviews += 1;
      return reviewAll(body);
    },
    callers: () => trust,
    ready: () => [],
    certificates: { current: () => pair, onChange: () => () => undefined },
    clock: Date,
    log: new SilentLog(),
    limits: { drainMs: 0, closeMs: 100 },
  });
  port = await server.start('127.0.0.1', 0);
});
afterEach(() => server.stop());

interface Answer {
  readonly code: number;
  readonly text: string;
}

interface Call {
  readonly client?: Certificate;
  readonly path?: string;
  readonly agent?: Agent;
}

async function call({ client, path = '/mutate', agent }: Call = {}): Promise<Answer> {
  const sent = request({
    host: '127.0.0.1',
    port,
    path,
    method: path === '/mutate' ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
    rejectUnauthorized: false,
    agent: agent ?? false,
    ...shown(client),
  });
  sent.end(path === '/mutate' ? reviewOf('u') : undefined);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve);
    sent.on('error', reject);
  });
  return { code: response.statusCode ?? 0, text: await textOf(response) };
}

function shown(client: Certificate | undefined): ConnectionOptions {
  return client === undefined ? {} : { cert: client.certificatePem, key: client.keyPem };
}

describe('with apiServerClient', () => {
  test('a certificate of the authority with an allowed name is answered', async () => {
    expect(await call({ client: right })).toMatchObject({ code: 200 });
    expect(reviews).toBe(1);
  });

  test.each([
    ['no certificate', (): undefined => undefined, /no client certificate was presented/],
    ['another name', (): Certificate => other, /matches none of apiServerClient\.names/],
    ['another authority', (): Certificate => foreign, /not accepted by apiServerClient\.ca/],
  ])('%s is answered 403 in plain words', async (_situation, client, words) => {
    const certificate = client();
    const answer = await call(certificate === undefined ? {} : { client: certificate });
    expect(answer).toMatchObject({ code: 403, text: expect.stringMatching(words) as unknown });
    expect(answer.text).toContain('"reason":"Forbidden"');
    expect(reviews).toBe(0);
  });

  test('the answer comes before the body, and ends the connection', async () => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    socket.write('POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n');
    socket.write('content-length: 7000000\r\n\r\n');
    expect(await textOf(socket)).toMatch(/^HTTP\/1\.1 403 [^]*connection: close/);
  });

  test.each([['/healthz'], ['/readyz'], ['/metrics']])('%s needs no certificate', async (path) => {
    expect(await call({ path })).toMatchObject({ code: 200 });
  });

  test.each([['TLSv1.2'], ['TLSv1.3']] as const)(
    'a %s session that is resumed without a certificate proves nothing',
    async (version) => {
      const options = {
        host: '127.0.0.1',
        port,
        rejectUnauthorized: false,
        minVersion: version,
        maxVersion: version,
      };
      const first = connect(options);
      const [session] = (await once(first, 'session')) as [Buffer];
      first.destroy();
      const resumed = connect({ ...options, session });
      await once(resumed, 'secureConnect');
      expect(resumed.isSessionReused()).toBe(true);
      resumed.write('POST /mutate HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n');
      resumed.write('content-length: 2\r\n\r\n{}');
      expect(await textOf(resumed)).toMatch(/^HTTP\/1\.1 403 /);
    },
  );

  test('names of subjectAltName count as well', async () => {
    trust = { ca: ours.caPem, names: ['somebody.example'] };
    server.callersChanged();
    expect(await call({ client: other })).toMatchObject({ code: 200 });
    expect(await call({ client: right })).toMatchObject({ code: 403 });
  });

  test('another authority in the configuration counts at once, on open connections and resumed sessions too', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const began = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...shown(right) });
    await once(began, 'secureConnect');
    // A request is under way on it, or it would end with the idle ones.
    began.write('POST /mutate HTTP/1.1\r\n');
    expect(await call({ client: right, agent })).toMatchObject({ code: 200 });
    trust = { ca: theirs.caPem, names: ['api-server'] };
    server.callersChanged();
    await expect.poll(() => Object.keys(agent.freeSockets)).toEqual([]);
    expect(await call({ client: right, agent })).toMatchObject({ code: 403 });
    expect(await call({ client: foreign })).toMatchObject({ code: 200 });
    began.write('host: a\r\ncontent-length: 2\r\n\r\n{}');
    expect(await textOf(began)).toContain('connect again');
    agent.destroy();
  });

  test('a connection in advance, made under the configuration of before, ends with the idle ones', async () => {
    const socket = await handshake(port, { cert: right.certificatePem, key: right.keyPem });
    const all = allOf(socket);
    // The client's side of a handshake is done before the server's.
    await waitUntil('it ends', () => {
      trust = { ca: ours.caPem, names: [randomUUID()] };
      server.callersChanged();
      return Promise.resolve(socket.destroyed);
    });
    expect(await all).toBe('');
  });

  test('taken out of the configuration, anybody may ask again; put in, nobody without', async () => {
    trust = undefined;
    server.callersChanged();
    expect(await call()).toMatchObject({ code: 200 });
    trust = { ca: ours.caPem, names: ['api-server'] };
    server.callersChanged();
    expect(await call()).toMatchObject({ code: 403 });
  });
});
