/** The service for bans as an app without a socket, with a list in a file and callers whose keys a test has. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify, type FastifyInstance } from 'fastify';
import { afterEach, beforeEach } from 'vitest';
import { isObject, type JsonObject } from '#kernel/json.ts';
import { BanLists } from '../../sidecar/helper/ban-lists.ts';
import { banApp, frameworkOptions, type BanAppOptions } from '../../bans/server/ban-app.ts';
import { BanAudit } from '../../bans/server/ban-audit.ts';
import { BanHandlers } from '../../bans/server/ban-handlers.ts';
import { banServiceLimits } from '../../bans/server/ban-service-limits.ts';
import { BanServiceMetrics } from '../../bans/server/ban-service-metrics.ts';
import { BanWriter } from '../../bans/server/ban-writer.ts';
import { checkJudge } from '../../bans/server/check-judge.ts';
import { GuardedStore } from '../../bans/server/guarded-store.ts';
import { Logouts } from '../../bans/server/logouts.ts';
import { Rates } from '../../bans/server/rates.ts';
import { tokenCallers } from '../../bans/server/token-callers.ts';
import { anybody, whoCalls } from '../../bans/server/who-calls.ts';
import type { ServedPart } from '../../bans/service/listener-faults.ts';
import type { KnownProvider } from '../../bans/service/logout-token.ts';
import { openApiDocument } from '../../bans/service/openapi.ts';
import type { BanStore } from '../../bans/store/ban-store.ts';
import { openBanStore } from '../../bans/store/open-store.ts';
import { ManualTimers } from './manual-timers.ts';
import { SilentLog } from './silent-log.ts';
import { FakeBundles, makeKey, makeToken, type TestKey } from './token-maker.ts';

export const accounts = 'spiffe://prod.test/ns/shop/sa/accounts';
const audience = 'spiffe://prod.test/ns/svidecar/sa/bans';

/** Bundles that may not have come yet. */
class ArrivingBundles extends FakeBundles {
  hasState = true;
  soleTrustDomain(): undefined {
    return undefined;
  }
}

export interface FakeBanServiceOptions {
  readonly served?: readonly ServedPart[];
  /** Takes the place of the file's. */
  readonly store?: (file: BanStore) => BanStore;
  readonly providers?: ReadonlyMap<string, KnownProvider>;
  readonly perCaller?: number;
  readonly auditKey?: Buffer;
  readonly storeDeadlineMs?: number;
}

export interface Sent {
  readonly method?: 'GET' | 'PUT' | 'DELETE' | 'POST' | 'PATCH';
  readonly body?: string | Buffer;
  readonly type?: string;
  /** Absent: of an allowed caller; undefined: none. */
  readonly authorization?: string | undefined;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Empty where it is no JSON. */
  readonly json: JsonObject;
  readonly text: string;
}

export interface FakeBanService {
  readonly app: FastifyInstance;
  readonly log: SilentLog;
  readonly timers: ManualTimers;
  readonly bundles: ArrivingBundles;
  readonly key: TestKey;
  readonly metrics: BanServiceMetrics;
  /** What the file holds. */
  list(): string;
  write(list: string): void;
  /** An Authorization header of somebody. */
  token(claims?: Readonly<Record<string, unknown>>): string;
  send(url: string, sent: Sent): Promise<Answered>;
  close(): Promise<void>;
}

async function answerOf(app: FastifyInstance, url: string, sent: Sent): Promise<Answered> {
  const { method = 'GET', body, type = 'application/json', authorization, headers } = sent;
  const answer = await app.inject({
    method,
    url,
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(body === undefined ? {} : { 'content-type': type }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: body }),
  });
  const isJson = (answer.headers['content-type'] ?? '').includes('json');
  const read: unknown = isJson ? JSON.parse(answer.body) : {};
  return {
    status: answer.statusCode,
    headers: answer.headers,
    json: isObject(read) ? read : {},
    text: answer.body,
  };
}

async function fakeBanService(options: FakeBanServiceOptions = {}): Promise<FakeBanService> {
  const { served = ['bans', 'check', 'logout'], perCaller = 1_000 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'ban-service-'));
  const file = join(folder, 'bans.jsonl');
  const log = new SilentLog();
  const timers = new ManualTimers(Date.parse('2026-11-29T12:00:00Z'));
  const metrics = new BanServiceMetrics(() => Number.NaN);
  const key = makeKey('first');
  const bundles = new ArrivingBundles();
  bundles.put('prod.test', [key.jwk]);
  const opened = await openBanStore({ kind: 'file', file }, { clock: timers });
  const store = new GuardedStore({
    store: options.store?.(opened) ?? opened,
    log,
    deadlineMs: options.storeDeadlineMs ?? 5_000,
    most: 4,
    onFailure: () => {
      metrics.storeFailures.inc();
    },
  });
  writeFileSync(file, '');
  const lists = new BanLists({ log, timers });
  const check = { claims: ['email', '/realm/user'] };
  const writer = new BanWriter({
    store,
    audit: new BanAudit(log, timers, options.auditKey),
    metrics,
  });
  const allow = [accounts, 'spiffe://prod.test/ns/ops/*'];
  const appOptions: BanAppOptions = {
    served,
    handlers: new BanHandlers({
      store,
      writer,
      judge: checkJudge({
        check,
        store: { file },
        lists: {
          banListIn: (path) => lists.listIn(path),
          banListAt: () => {
            throw new TypeError('the list is in a file');
          },
        },
        clock: timers,
      }),
      logouts: new Logouts({
        providers: options.providers ?? new Map(),
        writer,
        metrics,
        clock: timers,
        most: 100,
      }),
      bounds: banServiceLimits,
      clock: timers,
    }),
    writer,
    callers: whoCalls({
      allow,
      tokens: tokenCallers({ allow, audiences: [audience], bundles }),
      peers: undefined,
    }),
    checkers: anybody,
    document: openApiDocument({ served, version: '1', callersShow: ['jwt'], checksShow: false }),
    rates: new Rates({
      limits: { perCaller, all: 1_000, checks: 1_000, logouts: 1_000 },
      most: 100,
      clock: timers,
      metrics,
    }),
    bounds: banServiceLimits,
    metrics,
    log,
    clock: timers,
    missing: () => (bundles.hasState ? [] : ['the JWT bundles']),
    stopping: () => false,
  };
  const app = fastify(frameworkOptions(banServiceLimits));
  await app.register(banApp, appOptions);
  const token: FakeBanService['token'] = (claims = {}) => {
    const nowS = timers.now() / 1_000;
    const usual = { sub: accounts, aud: audience, iat: nowS, exp: nowS + 300 };
    return `Bearer ${makeToken({ key, claims: { ...usual, ...claims } })}`;
  };
  return {
    app,
    log,
    timers,
    bundles,
    key,
    metrics,
    list: () => readFileSync(file, 'utf8'),
    write: (text) => {
      writeFileSync(file, text);
    },
    token,
    send: (url, sent) =>
      answerOf(app, url, 'authorization' in sent ? sent : { ...sent, authorization: token() }),
    close: async () => {
      await app.close();
      lists.close();
      await opened.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export interface ServiceOfEachTest {
  /** That of the test that runs. */
  readonly service: FakeBanService;
  /** Another one takes its place. */
  readonly again: (options: FakeBanServiceOptions) => Promise<void>;
  readonly send: (url: string, sent?: Sent) => Promise<Answered>;
  readonly put: (url: string, body?: unknown, sent?: Sent) => Promise<Answered>;
}

/** For each test of a file a service of its own. */
export function serviceOfEachTest(): ServiceOfEachTest {
  let service: FakeBanService | undefined;
  const site: ServiceOfEachTest = {
    get service() {
      if (service === undefined) throw new Error('there is a service only within a test');
      return service;
    },
    again: async (options) => {
      await service?.close();
      service = await fakeBanService(options);
    },
    send: (url, sent = {}) => site.service.send(url, sent),
    put: (url, body = {}, sent = {}) =>
      site.send(url, { method: 'PUT', body: JSON.stringify(body), ...sent }),
  };
  beforeEach(async () => {
    service = await fakeBanService();
  });
  afterEach(async () => {
    await service?.close();
  });
  return site;
}
