/** `svidecar bans serve` as a running program: settings, sources, store and listeners connected. No decisions. */
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '#kernel/clock.ts';
import { AppError, messageOf } from '#kernel/errors.ts';
import type { Log } from '#kernel/observe.ts';
import { hmacKeyBytes } from '../../sidecar/config/ban-values.ts';
import { systemTimers } from '../../sidecar/workload-api/system-timers.ts';
import type { CertificateSource } from '../../certs/certificate-ports.ts';
import { throwAwayCertificate } from '../../certs/throw-away-certificate.ts';
import { CertificateFiles } from '../../webhook/files/certificate-files.ts';
import type { KnownProvider } from '../service/logout-token.ts';
import { openApiDocument } from '../service/openapi.ts';
import {
  servedBy,
  type LogoutProvider,
  type ServiceListener,
  type ServiceSettings,
} from '../service/service-settings.ts';
import type { BanStore } from '../store/ban-store.ts';
import { BanAudit } from './ban-audit.ts';
import type { BanAppOptions } from './ban-app.ts';
import { BanHandlers } from './ban-handlers.ts';
import { BanListener, type ListenerTls } from './ban-listener.ts';
import { banServiceLimits, type BanServiceLimits } from './ban-service-limits.ts';
import { BanServiceMetrics } from './ban-service-metrics.ts';
import { BanWriter } from './ban-writer.ts';
import { checkJudge, type FollowedLists } from './check-judge.ts';
import { GuardedStore } from './guarded-store.ts';
import { Logouts } from './logouts.ts';
import { providerKeys } from './provider-keys.ts';
import { Rates } from './rates.ts';
import { openSvidSources, type SvidSources } from './svid-sources.ts';
import { tokenCallers } from './token-callers.ts';
import { anybody, whoCalls, type WhoCalls } from './who-calls.ts';

export interface ServeBansOptions {
  readonly settings: ServiceSettings;
  readonly store: BanStore;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly bounds?: Partial<BanServiceLimits>;
}

export interface ServingBans {
  /** In the order of the settings' listeners. */
  readonly ports: readonly number[];
  /** What is still missing before requests can be answered; empty = ready. */
  missing(): readonly string[];
  /** Serves on while the cluster takes us out of its endpoints, then ends. Idempotent. */
  stop(): Promise<void>;
}

/** As the helper does. */
const tidyMs = 1_000;

/** What the parts below are made from. */
interface Site extends ServeBansOptions {
  readonly bounds: BanServiceLimits;
  readonly sources: SvidSources;
  readonly metrics: BanServiceMetrics;
  /** By the listeners that have begun. */
  readonly served: CertificateSource[];
  /** Aborted when all is over. */
  readonly closing: AbortController;
}

/** @throws {AppError} CONFIG_INVALID, CERTIFICATE_INVALID, FILE_UNREADABLE, LISTEN_FAILED */
export async function serveBans(options: ServeBansOptions): Promise<ServingBans> {
  const { settings, log, store, version } = options;
  const sources = await openSvidSources(settings);
  const site: Site = {
    ...options,
    bounds: { ...banServiceLimits, ...options.bounds },
    sources,
    served: [],
    metrics: new BanServiceMetrics(() => firstEnd(site.served)),
    closing: new AbortController(),
  };
  const stopping = new AbortController();
  const listeners: BanListener[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(listeners.map((each) => each.stop()));
    site.closing.abort();
    sources.close();
    await store.close();
  };
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await wait(site.bounds.drainMs);
    await end();
  };
  try {
    const ports: number[] = [];
    for (const one of await listenersOf(site, stopping.signal)) {
      ports.push(await one.start());
      listeners.push(one);
    }
    log.info({ ports, store: store.name, version }, 'serving bans');
    if (settings.insecureNoAuthentication === true)
      log.warn({}, 'nobody is asked who they are: whoever reaches this machine may change bans');
    return { ports, missing: () => sources.missing(), stop: () => (stopped ??= stop()) };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

async function listenersOf(site: Site, stopping: AbortSignal): Promise<readonly BanListener[]> {
  const { settings, bounds, sources, metrics, log, clock, version } = site;
  const shared = {
    ...(await handlersOf(site)),
    callers: callersOf(site),
    checkers: checkersOf(site),
    rates: new Rates({ limits: settings.limits, most: bounds.maxCallers, clock, metrics }),
    bounds,
    metrics,
    log,
    clock,
    missing: () => sources.missing(),
    stopping: () => stopping.aborted,
  };
  const made: BanListener[] = [];
  for (const listener of settings.listen) {
    const { host, port } = listener;
    const served = servedBy(listener, settings);
    const document = openApiDocument({ served, version, ...shownTo(listener, settings) });
    const tls = await tlsOf(listener, site);
    made.push(new BanListener({ ...shared, served, document, host, port, tls }));
  }
  return made;
}

/** How callers of a listener show who they are. */
function shownTo({ tls }: ServiceListener, { callers, check }: ServiceSettings) {
  const callersShow = [
    ...(callers?.audiences === undefined ? [] : ['jwt' as const]),
    ...(callers === undefined || tls !== 'spiffe' ? [] : ['x509' as const]),
  ];
  return { callersShow, checksShow: check?.allow !== undefined };
}

function callersOf({ settings: { callers }, sources }: Site): WhoCalls {
  if (callers === undefined) return anybody;
  const { allow, audiences } = callers;
  const { bundles, peers } = sources;
  const tokens =
    audiences === undefined || bundles === undefined
      ? undefined
      : tokenCallers({ allow, audiences, bundles });
  return whoCalls({ allow, tokens, peers });
}

/** Their Authorization header is of the user whom they ask about. */
function checkersOf({ settings: { check }, sources: { peers } }: Site): WhoCalls {
  if (check?.allow === undefined) return anybody;
  return whoCalls({ allow: check.allow, tokens: undefined, peers });
}

async function handlersOf(site: Site): Promise<Pick<BanAppOptions, 'handlers' | 'writer'>> {
  const { settings, bounds, metrics, log, clock } = site;
  const store = new GuardedStore({
    store: site.store,
    log,
    deadlineMs: bounds.storeDeadlineMs,
    most: bounds.maxStoreQuestions,
    onFailure: () => {
      metrics.storeFailures.inc();
    },
  });
  const { auditKeyFile, check } = settings;
  const key = auditKeyFile === undefined ? undefined : await auditKey(auditKeyFile);
  const writer = new BanWriter({ store, audit: new BanAudit(log, clock, key), metrics });
  const { store: place } = settings;
  const isFollowed = check !== undefined && !('configMap' in place);
  const handlers = new BanHandlers({
    store,
    writer,
    judge: isFollowed
      ? checkJudge({ check, store: place, lists: await listsOf(site), clock })
      : undefined,
    logouts: settings.logout && logoutsOf(settings.logout, writer, site),
    bounds,
    clock,
  });
  return { handlers, writer };
}

function logoutsOf(settings: readonly LogoutProvider[], writer: BanWriter, site: Site): Logouts {
  const { clock, log, metrics, bounds } = site;
  const providers = new Map(
    settings.map((each): [string, KnownProvider] => [
      each.issuer,
      { settings: each, keyFor: providerKeys(each, { clock, log }) },
    ]),
  );
  return new Logouts({ providers, writer, metrics, clock, most: bounds.maxUsedTokens });
}

/** The lists in memory that a helper with the same store would have. */
async function listsOf({ log, closing, metrics }: Site): Promise<FollowedLists> {
  const { BanLists } = await import('../../sidecar/helper/ban-lists.ts');
  const { mergedFamilies } = await import('../../sidecar/helper/ban-metrics.ts');
  const { BanStores } = await import('../../sidecar/helper/ban-stores.ts');
  const context = { log, timers: systemTimers };
  const files = new BanLists(context);
  const stores = new BanStores(context);
  metrics.follow(() => mergedFamilies([...files.families(), ...stores.families()]));
  const tidying = setInterval(() => {
    stores.tidy();
  }, tidyMs);
  closing.signal.addEventListener('abort', () => {
    clearInterval(tidying);
    files.close();
    stores.close();
  });
  return {
    banListIn: (file) => files.listIn(file),
    banListAt: (settings) => stores.at(settings),
  };
}

async function tlsOf({ tls }: ServiceListener, site: Site): Promise<ListenerTls | undefined> {
  if (tls === undefined) return undefined;
  const { pair: placeholder } = await throwAwayCertificate(site.clock.now());
  const { peers } = site.sources;
  if (tls === 'spiffe') {
    if (peers === undefined) throw new TypeError('a listener has an X.509-SVID of no source');
    site.served.push(peers);
    return { certificates: peers, placeholder, authorities: () => peers.authorities() };
  }
  const certificates = new CertificateFiles({ ...site, folder: tls.folder });
  await certificates.start(site.closing.signal);
  site.served.push(certificates);
  return { certificates, placeholder, authorities: undefined };
}

/** Unix seconds; NaN where nothing is served, or one of them is not there yet. */
function firstEnd(served: readonly CertificateSource[]): number {
  if (served.length === 0) return Number.NaN;
  return Math.min(...served.map((each) => each.current()?.notAfter ?? Number.NaN));
}

/** @throws {AppError} FILE_UNREADABLE, CONFIG_INVALID */
async function auditKey(file: string): Promise<Buffer> {
  let key: Buffer;
  try {
    key = await readFile(file);
  } catch (thrown) {
    const words = `auditKeyFile: cannot read ${file}: ${messageOf(thrown)}`;
    throw new AppError('FILE_UNREADABLE', words, { cause: thrown });
  }
  const { least, most } = hmacKeyBytes;
  if (key.length >= least && key.length <= most) return key;
  const words = `auditKeyFile: ${file} must have ${least} to ${most} bytes`;
  throw new AppError('CONFIG_INVALID', words);
}
