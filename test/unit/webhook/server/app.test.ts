import { fastify } from 'fastify';
import type { FastifyInstance } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import { explodingNamespace, reviewAll, reviewOf } from '../../../fakes/reviewer.ts';
import { SilentLog } from '../../../fakes/silent-log.ts';
import { webhookApp } from '../../../../webhook/server/app.ts';
import { defaultLimits } from '../../../../webhook/server/limits.ts';
import { Metrics } from '../../../../webhook/server/metrics.ts';
import { BodyReader } from '../../../../webhook/server/read-body.ts';

const apps: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

interface Options {
  readonly missing?: readonly string[];
  readonly untrusted?: readonly string[];
  readonly stopping?: boolean;
  readonly callerFault?: string;
}

function makeApp({ missing = [], untrusted = [], stopping = false, callerFault }: Options = {}): {
  app: FastifyInstance;
  log: SilentLog;
} {
  const log = new SilentLog();
  const bodies = new BodyReader({ limits: defaultLimits, log, cut: () => undefined });
  const metrics = new Metrics({
    certificateNotAfter: () => 1_900_000_000,
    isReady: () => missing.length + untrusted.length === 0,
    largeWaiting: () => bodies.waiting,
    others: () => [
      {
        name: 'svidecar_cluster_lists_total',
        help: 'Lists.',
        type: 'counter',
        samples: [{ labels: { resource: 'a"b' }, value: 3 }],
      },
    ],
  });
  const app = fastify();
  void app.register(webhookApp, {
    reviewer: () => reviewAll,
    ready: () => missing,
    missing: () => [...missing, ...untrusted],
    callerFault: () => callerFault,
    stopping: () => stopping,
    limits: defaultLimits,
    bodies,
    metrics,
    log,
  });
  apps.push(app);
  return { app, log };
}

const json = { 'content-type': 'application/json' };

test('answers a review with what the reviewer says', async () => {
  const answer = await makeApp().app.inject({
    method: 'POST',
    url: '/mutate',
    headers: { 'content-type': 'application/json; charset=utf-8' },
    payload: reviewOf('u1'),
  });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(answer.json()).toMatchObject({ response: { uid: 'u1', allowed: true } });
});

test('who may not ask is answered 403 before anything else, also while not ready', async () => {
  const { app } = makeApp({ callerFault: 'not you', missing: ['a list'] });
  const answer = await app.inject({ method: 'POST', url: '/mutate', headers: json, payload: '{' });
  expect(answer.statusCode).toBe(403);
  expect(answer.headers.connection).toBe('close');
  expect(answer.json()).toMatchObject({ reason: 'Forbidden', message: 'not you', code: 403 });
});

describe('bad requests are answered in plain words', () => {
  const post = { method: 'POST', url: '/mutate', headers: json } as const;
  test.each([
    ['no body', { ...post, payload: '' }, 400, /the body is empty/],
    [
      'cut JSON',
      { ...post, payload: '{"a":\n 1' },
      400,
      /not JSON: the text ends too early at line 2, column 3/,
    ],
    [
      'broken JSON',
      { ...post, payload: '{"a":\n xyz}' },
      400,
      /not JSON: unexpected character at line 2, column 2/,
    ],
    [
      'an unknown version',
      { ...post, payload: '{"apiVersion":"admission.k8s.io/v1beta1"}' },
      400,
      /admission\.k8s\.io\/v1/,
    ],
    ['a list', { ...post, payload: '[]' }, 400, /admission\.k8s\.io\/v1/],
    ['null', { ...post, payload: 'null' }, 400, /admission\.k8s\.io\/v1/],
    [
      'a form',
      { ...post, headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: 'a=1' },
      415,
      /application\/json/,
    ],
    [
      'YAML',
      { ...post, headers: { 'content-type': 'application/yaml' }, payload: 'a: 1' },
      415,
      /application\/json/,
    ],
    [
      'text without a type',
      { ...post, headers: {}, payload: Buffer.from('{}') },
      415,
      /application\/json/,
    ],
    [
      'an 8 MiB body',
      { ...post, payload: reviewOf('u', 'default', 8 * 1024 * 1024) },
      413,
      /exceeds the limit of 7340032 bytes/,
    ],
    [
      'too deep a body',
      { ...post, payload: `{"a":${'['.repeat(200)}${']'.repeat(200)}}` },
      400,
      /more than 100 levels deep/,
    ],
    [
      'a body of millions of values',
      { ...post, payload: `[${'{},'.repeat(2_000_000)}{}]` },
      413,
      /more than 160000 values/,
    ],
    [
      'a body of ever new keys',
      {
        ...post,
        payload: `[${Array.from({ length: 30_000 }, (_, at) => `{"k${at}":0}`).join()}]`,
      },
      413,
      /more than 160000 values/,
    ],
    ['large broken JSON', { ...post, payload: `{"a":"${'x'.repeat(100_000)}"` }, 400, /not JSON$/],
    ['GET of the hook', { method: 'GET', url: '/mutate' }, 405, /accepts only POST/],
    [
      'PUT of the hook',
      { method: 'PUT', url: '/mutate', headers: { 'content-type': 'text/plain' }, payload: 'x' },
      405,
      /accepts only POST/,
    ],
    [
      'POST to health',
      { method: 'POST', url: '/healthz', headers: json, payload: '{}' },
      405,
      /accepts only GET/,
    ],
    [
      'an unknown path',
      { method: 'POST', url: '/mutate-pods', headers: json, payload: '{}' },
      404,
      /the paths served are POST \/mutate/,
    ],
  ] as const)('%s', async (...row) => {
    const [, request, code, words] = row;
    const { app, log } = makeApp();
    const answer = await app.inject(request);
    expect(answer.statusCode).toBe(code);
    expect(answer.json()).toMatchObject({ kind: 'Status', status: 'Failure', code });
    expect(answer.json<{ message: string }>().message).toMatch(words);
    expect(log.lines.filter((line) => line.level === 'error')).toEqual([]);
    const alive = await app.inject({ ...post, payload: reviewOf('after') });
    expect(alive.statusCode).toBe(200);
  });
});

test('allows name the method that a path takes', async () => {
  const answer = await makeApp().app.inject({ method: 'DELETE', url: '/mutate' });
  expect(answer.headers['allow']).toBe('POST');
});

test('a defect inside the reviewer refuses the object with its uid, and logs the stack but no object', async () => {
  const { app, log } = makeApp();
  const answer = await app.inject({
    method: 'POST',
    url: '/mutate',
    headers: json,
    payload: reviewOf('u9', explodingNamespace),
  });
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({
    response: { uid: 'u9', allowed: false, status: { code: 500, reason: 'InternalError' } },
  });
  expect(log.lines).toMatchObject([{ level: 'error', fields: { uid: 'u9' } }]);
  expect(JSON.stringify(log.lines)).not.toContain('filler');
});

test('seven mebibytes of brackets are refused and nothing falls over', async () => {
  const { app } = makeApp();
  const deep = '['.repeat(3_000_000) + ']'.repeat(3_000_000);
  const answer = await app.inject({
    method: 'POST',
    url: '/mutate',
    headers: json,
    payload: `{"request":{"uid":"u","object":${deep}}}`,
  });
  expect(answer.statusCode).toBe(400);
});

test('an honest review that is heavy to parse is answered like any other', async () => {
  const containers = Array.from({ length: 12_000 }, (_, at) => ({ name: `c${at}`, image: 'i' }));
  const body = { ...(JSON.parse(reviewOf('u1')) as object), extra: containers };
  const answer = await makeApp().app.inject({
    method: 'POST',
    url: '/mutate',
    headers: json,
    payload: JSON.stringify(body),
  });
  expect(answer.statusCode).toBe(200);
});

test('before it is ready a review is answered 503 and readiness names what is missing', async () => {
  const { app } = makeApp({ missing: ['the list of namespaces', 'the list of pods'] });
  const answer = await app.inject({
    method: 'POST',
    url: '/mutate',
    headers: json,
    payload: reviewOf('u'),
  });
  expect(answer.statusCode).toBe(503);
  expect(answer.json<{ message: string }>().message).toContain('the list of namespaces');
  const ready = await app.inject('/readyz');
  expect(ready.statusCode).toBe(503);
  expect(ready.body).toBe('not ready: the list of namespaces; the list of pods\n');
  expect((await app.inject('/healthz')).statusCode).toBe(200);
});

test('while no caBundle trusts it, it is not ready, and still answers a review that arrives', async () => {
  const { app } = makeApp({ untrusted: ['a caBundle that trusts the served certificate'] });
  const ready = await app.inject('/readyz');
  expect(ready.statusCode).toBe(503);
  expect(ready.body).toBe('not ready: a caBundle that trusts the served certificate\n');
  const reviewed = {
    method: 'POST',
    url: '/mutate',
    headers: json,
    payload: reviewOf('u1'),
  } as const;
  expect((await app.inject(reviewed)).statusCode).toBe(200);
});

test('while it stops it is not ready, still answers reviews, and closes each connection', async () => {
  const { app } = makeApp({ stopping: true });
  const answer = await app.inject({
    method: 'POST',
    url: '/mutate',
    headers: json,
    payload: reviewOf('u'),
  });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['connection']).toBe('close');
  expect((await app.inject('/readyz')).body).toBe('not ready: stopping\n');
});

test('metrics count reviews by kind, decision and reason, refusals, and the metrics of other rooms', async () => {
  const { app } = makeApp();
  const post = { method: 'POST', url: '/mutate', headers: json } as const;
  await app.inject({ ...post, payload: reviewOf('u1') });
  await app.inject({ ...post, payload: reviewOf('u2', 'refused') });
  await app.inject({ ...post, payload: '{' });
  const text = (await app.inject('/metrics')).body;
  expect(text).toContain(
    'svidecar_reviews_total{kind="Deployment",decision="unchanged",reason="not_asked"} 1',
  );
  expect(text).toContain(
    'svidecar_reviews_total{kind="Deployment",decision="refused",reason="not_asked"} 1',
  );
  expect(text).toContain('svidecar_http_refusals_total{code="400"} 1');
  expect(text).toContain('svidecar_certificate_not_after_seconds 1900000000');
  expect(text).toContain('svidecar_review_seconds_count 2');
  expect(text).toContain('svidecar_cluster_lists_total{resource="a\\"b"} 3');
});
