/** The webhook as a running program: configuration, cluster, admission and server connected. No decisions. */
import type { Clock } from '#kernel/clock.ts';
import type { JsonObject } from '#kernel/json.ts';
import {
  envoyCheck,
  keysReader,
  type ReadConfigMap,
  type AnswerDetail,
} from './admission/check-envoy.ts';
import { judgeStored } from './admission/judge.ts';
import { review, type ReviewContext } from './admission/review.ts';
import { Cluster } from './controller/cluster.ts';
import type { ClusterTarget } from './kube/cluster-access.ts';
import { connect } from './kube/connection.ts';
import type { FollowedHookConfigurations } from './kube/hook-configurations.ts';
import type { KubernetesApi } from './kube/kubernetes-api.ts';
import type { OwnRevisionNow } from './controller/controller.ts';
import type { Desire } from './controller/desire.ts';
import { noRevision } from './request/revision.ts';
import { markedWanted, renderMarked } from './desired/marks.ts';
import { identityOfStored } from './desired/workload-identity.ts';
import {
  deprecatedInConfiguration,
  deprecations,
  deprecationWords,
  type Deprecation,
} from './request/deprecations.ts';
import { FollowedConfig } from './files/followed-config.ts';
import { loadEngine, type EngineFiles } from './files/load-engine.ts';
import type { Engine } from './injection/inject.ts';
import type { CallerTrust } from './server/callers.ts';
import type { Limits } from './server/limits.ts';
import type { MetricFamily, Log } from '#kernel/observe.ts';
import type { Reviewer } from './server/reviewer.ts';
import { WebhookServer } from './server/server.ts';
import type { ServingCertificate } from '../certs/open.ts';
import type { ServingPair } from '../certs/certificate-ports.ts';
import { throwAwayCertificate } from '../certs/throw-away-certificate.ts';
import { Registrar } from './controller/registrations/registrar.ts';
import { followedHooks, serveCertificate, type CertificateOptions } from './serve-certificate.ts';

export interface ServeOptions {
  readonly files: Omit<EngineFiles, 'kubernetesMinor'>;
  readonly certificate: CertificateOptions;
  readonly host: string;
  /** 0 chooses a free port. */
  readonly port: number;
  readonly target: ClusterTarget;
  /** svidecar's own namespace: never touched. */
  readonly namespace: string;
  /** Of several installations in a cluster; empty, or absent, for the one without a name. */
  readonly revision?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<Limits>;
  /** Absent: this version's. */
  readonly deprecations?: readonly Deprecation[];
}

export interface Serving {
  readonly port: number;
  /** What is still missing before reviews can be answered and will be sent here; empty = ready. */
  missing(): readonly string[];
  /** Serves on while the cluster takes us out of its endpoints, then ends. Idempotent. */
  stop(): Promise<void>;
}

/** Minor version that is assumed until the API server has reported its own; reviews wait for that. */
const assumedMinor = 0;

/** @throws {AppError} CONFIG_INVALID, TEMPLATE_INVALID, CERTIFICATE_INVALID, CLUSTER_UNREACHABLE, FILE_UNREADABLE, USAGE */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { clock, log, namespace, revision = noRevision } = options;
  const stopping = new AbortController();
  const files = engineFiles(options);
  let inForce = inForceOf(loadEngine(files), namespace);
  const api = await connect(options.target);
  const hooks = followedHooks({ ...options, api }, revision);
  const standing = { name: revision, isDefault: () => hooks.isDefault() };
  const registrar = registrarOf(options, { api, standing, inForce: () => inForce });
  const cluster = clusterOf(options, { api, registrar, standing, hooks, inForce: () => inForce });
  hooks.onChange(registrar.configurationChanged.bind(registrar));
  const certified = { ...options, api, revision, configurations: hooks };
  const certificate = await serveCertificate(certified, stopping.signal);
  const newest = reviewers(cluster, { namespace, standing });
  const { pair: placeholder } = await throwAwayCertificate(clock.now());
  const asked = { reviewer: () => newest(inForce.engine), callers: () => inForce.callers };
  const configuration = new FollowedConfig();
  const shown = [cluster, certificate, registrar, configuration];
  const server = serverOf(options, { cluster, certificate, placeholder, shown, ...asked });
  const changed = (newer: Engine): void => {
    const wasRegistering = isRegistering(inForce.engine);
    inForce = inForceOf(newer, namespace);
    server.callersChanged();
    cluster.reviseAll(wasRegistering || isRegistering(newer));
    registrar.configurationChanged();
    tell(newer);
  };
  const tell = deprecationTeller(options);
  configuration.follow({ files, log, changed }, stopping.signal);
  const port = await server.start(options.host, options.port);
  cluster.start(stopping.signal);
  void registrar.start(cluster, stopping.signal);
  log.info({ port, version: options.files.version, revision }, 'serving');
  tell(inForce.engine);
  return { port, missing: () => server.missing(), stop: () => stop(server, stopping) };
}

async function stop(server: WebhookServer, stopping: AbortController): Promise<void> {
  await server.stop();
  stopping.abort();
}

function engineFiles({ files, revision = noRevision }: ServeOptions): EngineFiles {
  const named = revision === noRevision ? {} : { revision };
  return { ...files, ...named, kubernetesMinor: assumedMinor };
}

function ignored(engine: Engine, ownNamespace: string): ReadonlySet<string> {
  return new Set([...engine.config.ignoredNamespaces, ownNamespace]);
}

function clusterOf(
  { certificate, clock, log }: ServeOptions,
  parts: {
    readonly api: KubernetesApi;
    readonly registrar: Registrar;
    readonly standing: OwnRevisionNow;
    readonly hooks: FollowedHookConfigurations;
    readonly inForce: () => InForce;
  },
): Cluster {
  const { api, registrar, standing, hooks, inForce } = parts;
  return new Cluster({
    api,
    desire: () => inForce().desire,
    judge: (object) => inForce().judge(object),
    identify: (object) => inForce().identify(object),
    registrationProblems: (where) => registrar.problems(where),
    alsoFollowed: [hooks.follower],
    revision: standing,
    ignoredNamespaces: () => inForce().ignored,
    instance: certificate.identity,
    clock,
    log,
  });
}

/** A configuration and what follows from it; made once for each, so that what was rendered by it is known. */
interface InForce {
  readonly engine: Engine;
  readonly desire: Desire;
  readonly judge: (object: JsonObject) => ReturnType<typeof judgeStored>;
  readonly identify: (object: JsonObject) => ReturnType<typeof identityOfStored>;
  readonly ignored: ReadonlySet<string>;
  readonly callers: CallerTrust | undefined;
}

function isRegistering({ config }: Engine): boolean {
  return config.registration !== 'none';
}

function registrarOf(
  { namespace, certificate, clock, log }: ServeOptions,
  parts: {
    readonly api: KubernetesApi;
    readonly standing: OwnRevisionNow;
    readonly inForce: () => InForce;
  },
): Registrar {
  const { api, standing, inForce } = parts;
  const { identity, leaseTimes } = certificate;
  return new Registrar({
    api,
    isDefault: () => standing.isDefault(),
    config: () => inForce().engine.config,
    ignoredNamespaces: () => inForce().ignored,
    namespace,
    identity,
    clock,
    log,
    ...(leaseTimes === undefined ? {} : { leaseTimes }),
    open: async ({ server, workloadApi }, observe) => {
      // gRPC is a large library, and most installations do without.
      const { openSpireServer } = await import('./spire/open-spire-server.ts');
      return openSpireServer({ address: server, workloadApi, observe });
    },
  });
}

function inForceOf(engine: Engine, ownNamespace: string): InForce {
  const { memory, config } = engine;
  const { revision = noRevision } = engine;
  const marking = { memory, marks: config.configMaps, revision };
  const ignoredNamespaces = ignored(engine, ownNamespace);
  return {
    engine,
    desire: {
      wanted: (users) => markedWanted(users, marking),
      render: (namespace, envoy, source) => renderMarked(envoy, { namespace, source }, marking),
    },
    judge: (object) => judgeStored(object, { engine, ignoredNamespaces }),
    identify: (object) => (isRegistering(engine) ? identityOfStored(object, engine) : undefined),
    ignored: ignoredNamespaces,
    callers: config.apiServerClient,
  };
}

function serverOf(
  { clock, log, limits, files }: ServeOptions,
  parts: {
    readonly cluster: Cluster;
    readonly certificate: ServingCertificate;
    readonly placeholder: ServingPair;
    /** On `/metrics`. */
    readonly shown: readonly { metrics(): readonly MetricFamily[] }[];
    readonly reviewer: () => Reviewer;
    readonly callers: () => CallerTrust | undefined;
  },
): WebhookServer {
  const { cluster, certificate, placeholder, shown, reviewer, callers } = parts;
  return new WebhookServer({
    reviewer,
    callers,
    ready: () => cluster.missing(),
    unready: () => certificate.untrusted(),
    certificates: certificate.source,
    placeholder,
    clock,
    log,
    metrics: () => [buildInfo(files.version), ...shown.flatMap((each) => each.metrics())],
    ...(limits === undefined ? {} : { limits }),
  });
}

function buildInfo(version: string): MetricFamily {
  return {
    name: 'svidecar_build_info',
    help: 'Always 1; the label gives the version.',
    type: 'gauge',
    samples: [{ labels: { version }, value: 1 }],
  };
}

/** Gives the reviewer of an engine, made once for each configuration and version of the cluster. */
function reviewers(
  cluster: Cluster,
  own: { readonly namespace: string; readonly standing: OwnRevisionNow },
): (engine: Engine) => Reviewer {
  let made:
    { readonly from: Engine; readonly facts: string; readonly reviewer: Reviewer } | undefined;
  return (engine) => {
    const kubernetesMinor = cluster.serverVersion()?.minor ?? assumedMinor;
    const filters = cluster.envoyFilters();
    const isReplaced = !own.standing.isDefault();
    const facts = `${kubernetesMinor} ${filters} ${isReplaced}`;
    if (made?.from !== engine || made.facts !== facts) {
      // Before that is known they count as there: the controller has pods wait for theirs.
      const hasEnvoyFilters = filters === 'there' || filters === 'unknown';
      const here = { ...engine, kubernetesMinor, hasEnvoyFilters };
      made = { from: engine, facts, reviewer: reviewer(here, isReplaced) };
    }
    return made.reviewer;
  };

  function reviewer(engine: Engine, isReplaced: boolean): Reviewer {
    const read: ReadConfigMap = (namespace, name) => cluster.configMap(namespace, name);
    const context: ReviewContext = {
      engine,
      checkEnvoy: envoyCheck(read, engine.memory.copies, detailOf(engine)),
      configMapKeys: keysReader(read),
      heldConfigMap: (namespace, name) => cluster.held(namespace, name),
      ignoredNamespaces: ignored(engine, own.namespace),
      revision: { name: own.standing.name, isReplaced },
    };
    return (body) => review(body, context);
  }
}

/** Words only where nobody but the API server can ask. */
function detailOf({ config }: Engine): AnswerDetail {
  return config.apiServerClient === undefined ? 'places' : 'words';
}

/** A line for each field that a later version refuses. */
function deprecationTeller({ log, deprecations: all = deprecations }: ServeOptions) {
  return ({ config }: Engine): void => {
    for (const each of deprecatedInConfiguration(config, all))
      log.warn({ name: each.name }, deprecationWords(each));
  };
}
