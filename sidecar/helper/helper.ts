/** The helper at work: sources, rules and servers put together; rules change on reload, everything else on restart. */
import type { Clock } from '#kernel/clock.ts';
import { AppError, messageOf } from '#kernel/errors.ts';
import { identitiesPath, ruleMetadataKey } from '../config/helper-contract.ts';
import { needsIdentity } from '../config/needs-identity.ts';
import type { HelperSettings } from '../config/settings.ts';
import { GrpcServer } from '../server/grpc-server.ts';
import { HealthServer } from '../server/health-server.ts';
import { metricsText } from '#kernel/metrics-text.ts';
import type { UnaryMethod } from '../server/unary-call.ts';
import type { WorkloadApi } from '../workload-api/api.ts';
import { JwtBundleSource } from '../workload-api/bundle-source.ts';
import { openWorkloadApi } from '../workload-api/client.ts';
import { systemTimers } from '../workload-api/system-timers.ts';
import { JwtTokenSource } from '../workload-api/token-source.ts';
import type { DataPath } from './data-path.ts';
import { ExtAuthzPath } from './ext-authz-path.ts';
import type { HelperLog } from './helper-log.ts';
import { identitiesPage } from './identities-page.ts';
import { NativePath } from './native-path.ts';
import {
  leftOutWords,
  readiness,
  stateFamilies,
  withNames,
  type HelperState,
  type PodNames,
} from './helper-state.ts';
import { TokenSources } from './token-sources.ts';

export interface HelperOptions {
  readonly settings: HelperSettings;
  /** `unix:///path` or `tcp://ip:port`; rules that only ban need none. */
  readonly workloadApi: string | undefined;
  readonly names: PodNames;
  readonly log: HelperLog;
  readonly clock: Clock;
}

/** Milliseconds that calls have to finish once the helper is told to stop; Kubernetes gives a pod 30 s. */
const drainMs = 5_000;
/** Milliseconds between looks at what changed, for the log and the caches. */
const watchMs = 1_000;
/** Faults that are logged; `svidecar_faults_total` counts all. */
const maxFaultsLogged = 100;
/** A health service for Envoy's and other gRPC health checks: `status` = SERVING. @see grpc.health.v1 */
const serving = Buffer.from([0x08, 0x01]);

export class Helper {
  readonly #options: HelperOptions;
  readonly #api: WorkloadApi | undefined;
  readonly #tokens: TokenSources;
  readonly #path: DataPath;
  readonly #grpc: GrpcServer;
  readonly #health: HealthServer;
  #bundles: JwtBundleSource | undefined;
  #watcher: NodeJS.Timeout | undefined;
  #said = new Map<string, string>();
  #hasStarted = false;
  #isDraining = false;
  #faults = 0;
  readonly #onFault = (thrown: unknown): void => {
    this.countFault(thrown);
  };
  #reloads = { accepted: 0, refused: 0 };

  /** @throws {AppError} CONFIG_INVALID when the Workload API's address is invalid, or missing and needed */
  constructor(options: HelperOptions) {
    this.#options = options;
    const { settings, log, workloadApi } = options;
    this.#refuseWithoutAddress(settings);
    this.#api = workloadApi === undefined ? undefined : openWorkloadApi(workloadApi);
    this.#tokens = new TokenSources((audience, spiffeId) => {
      const source = new JwtTokenSource({ ...this.#sourceContext(), audience, spiffeId });
      source.start();
      return source;
    });
    const bundles = (): JwtBundleSource => {
      if (this.#bundles === undefined) {
        this.#bundles = new JwtBundleSource(this.#sourceContext());
        this.#bundles.start();
      }
      return this.#bundles;
    };
    const Path = settings.dataPath === 'native' ? NativePath : ExtAuthzPath;
    this.#path = new Path(settings.rules, {
      tokens: this.#tokens,
      bundles,
      timers: systemTimers,
      log,
    });
    this.#grpc = this.#serverOf(this.#path);
    this.#health = new HealthServer({
      startup: () => this.#startup(),
      ready: () => readiness(this.#state(), options.names),
      metrics: () => this.#metrics(),
      pages: new Map([[identitiesPath, () => identitiesPage(this.#state(), options.names)]]),
      onFault: this.#onFault,
    });
  }

  /** @throws {AppError} LISTEN_FAILED */
  async start(): Promise<void> {
    const { settings, log } = this.#options;
    const service = await this.#grpc.listen(settings.listen);
    const health = await this.#health.listen(settings.health);
    log.info({ service, health, workloadApi: this.#options.workloadApi }, 'listening');
    this.#watcher = setInterval(() => {
      this.#lookAround();
    }, watchMs);
    this.#lookAround();
  }

  /** @throws {AppError} CONFIG_INVALID */
  #refuseWithoutAddress({ rules }: HelperSettings): void {
    if (this.#options.workloadApi !== undefined || !needsIdentity(rules)) return;
    const words = 'no Workload API address: set workloadApi or SPIFFE_ENDPOINT_SOCKET';
    throw new AppError('CONFIG_INVALID', words);
  }

  #sourceContext() {
    if (this.#api === undefined) throw new TypeError('a rule that only bans asked for an identity');
    return { api: this.#api, timers: systemTimers, random: Math.random };
  }

  /**
   * Puts new rules in force between two calls. Tokens that they still need are kept.
   * @throws {AppError} CONFIG_INVALID where they need a Workload API, and none was given at the start
   */
  reload(settings: HelperSettings): void {
    this.#refuseWithoutAddress(settings);
    this.#path.serve(settings.rules);
    this.#reloads.accepted += 1;
  }

  countRefusedReload(): void {
    this.#reloads.refused += 1;
  }

  /** To the service. */
  get connections(): number {
    return this.#grpc.connections;
  }

  /** Lets calls finish, then closes everything. */
  async stop(): Promise<void> {
    this.#isDraining = true;
    await this.#grpc.close(drainMs);
    clearInterval(this.#watcher);
    await this.#health.close();
    this.#path.close();
    this.#tokens.close();
    this.#bundles?.close();
    this.#api?.close();
  }

  #serverOf({ methods, ...rest }: DataPath): GrpcServer {
    return new GrpcServer({
      ...rest,
      methods: new Map<string, UnaryMethod>([
        ...methods,
        ['/grpc.health.v1.Health/Check', () => serving],
      ]),
      metadata: [ruleMetadataKey],
      onFault: this.#onFault,
    });
  }

  /** A fault of the helper: always counted, and logged until `maxFaultsLogged`. */
  countFault(thrown: unknown): void {
    this.#faults += 1;
    if (this.#faults > maxFaultsLogged) return;
    const isLast = this.#faults === maxFaultsLogged;
    const words = isLast ? 'a call failed; further ones are only counted' : 'a call failed';
    this.#options.log.error({ fault: messageOf(thrown) }, words);
  }

  #state(): HelperState {
    const bundles = this.#bundles;
    return {
      tokens: this.#tokens.states(Math.floor(this.#options.clock.now() / 1_000)),
      bundles:
        bundles === undefined
          ? undefined
          : {
              trustDomains: bundles.trustDomains(),
              problem: bundles.problem(),
              leftOut: bundles.leftOut(),
            },
      isDraining: this.#isDraining,
    };
  }

  /** Started once is started for good: later trouble shows in readiness. The log first says what the helper has. */
  #startup() {
    if (this.#hasStarted) return { ok: true, missing: [] };
    const health = readiness(this.#state(), this.#options.names);
    if (health.ok) {
      this.#hasStarted = true;
      this.#lookAround();
    }
    return health;
  }

  /** Logs each change once: problems that come and go, and tokens as they are renewed. */
  #lookAround(): void {
    const { log, names, clock } = this.#options;
    const { tokens, bundles } = this.#state();
    this.#path.tidy(Math.floor(clock.now() / 1_000));
    for (const { audience, spiffeId, token, problem } of tokens) {
      const as = spiffeId === undefined ? '' : ` as ${spiffeId}`;
      const subject = `token for audience "${audience}"${as}`;
      if (problem !== undefined) this.#say('warn', subject, withNames(problem, names));
      else if (token !== undefined) this.#say('info', subject, `valid until ${token.expiresAtS}`);
    }
    if (bundles === undefined) return;
    const words = `bundles of ${[...bundles.trustDomains].sort().join(', ')}`;
    if (bundles.problem !== undefined) {
      this.#say('warn', 'JWT bundles', withNames(bundles.problem, names));
    } else this.#say('info', 'JWT bundles', words);
    this.#logKeys(bundles.leftOut);
    if (log.level === 'debug') log.debug({ open: this.#grpc.openCalls }, 'calls');
  }

  #logKeys(leftOut: NonNullable<HelperState['bundles']>['leftOut']): void {
    for (const [domain, keys] of leftOut ?? []) {
      const untrusted = leftOutWords(keys);
      if (untrusted !== '') this.#say('warn', `keys of ${domain} that are not trusted`, untrusted);
    }
  }

  #say(level: 'info' | 'warn', subject: string, words: string): void {
    if (this.#said.get(subject) === words) return;
    this.#said.set(subject, words);
    this.#options.log[level]({ state: words }, subject);
  }

  #metrics(): string {
    const state = this.#state();
    const isReady = readiness(state, this.#options.names).ok;
    return metricsText([
      ...this.#path.families(),
      gauge(
        'svidecar_ready',
        'Whether the helper has the tokens and bundles it needs.',
        isReady ? 1 : 0,
      ),
      gauge('svidecar_calls_open', 'Calls being answered.', this.#grpc.openCalls),
      gauge('svidecar_connections', 'Connections to the service.', this.#grpc.connections),
      {
        name: 'svidecar_settings_reloads_total',
        help: 'Changes of the settings file, by result.',
        type: 'counter',
        samples: [
          { labels: { result: 'accepted' }, value: this.#reloads.accepted },
          { labels: { result: 'refused' }, value: this.#reloads.refused },
        ],
      },
      {
        name: 'svidecar_faults_total',
        help: 'Faults of the helper itself: calls that failed, and uncaught errors.',
        type: 'counter',
        samples: [{ value: this.#faults }],
      },
      ...stateFamilies(state),
      gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()),
    ]);
  }
}

function gauge(name: string, help: string, value: number) {
  return { name, help, type: 'gauge', samples: [{ value }] } as const;
}
