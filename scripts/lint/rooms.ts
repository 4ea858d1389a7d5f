/** Which folder may import which: read by `.dependency-cruiser.mjs`; a test holds the table in AGENTS.md to it. */

export interface Room {
  readonly folder: string;
  /** Values in, values out: no files, network, clock, process, framework or logger. */
  readonly isPure: boolean;
  /** Folders, and single files, beside the folder itself. */
  readonly imports: readonly string[];
}

const kernel = 'sidecar/kernel';
const config = 'sidecar/config';
const protobuf = 'sidecar/protobuf';
const http2 = 'sidecar/http2';
const jwt = 'sidecar/jwt';
const authz = 'sidecar/authz';
const sds = 'sidecar/sds';
const gen = 'sidecar/gen';
const redis = 'sidecar/redis';
const workloadApi = 'sidecar/workload-api';
const certs = 'certs';
const certsPlan = 'certs/plan';
const sidecarServer = 'sidecar/server';
const framing = ['byte-budget', 'empty-work', 'frame-reader', 'grpc-wire'].map(
  (file) => `${sidecarServer}/${file}.ts`,
);
const watchFolder = 'sidecar/helper/watch-folder.ts';
const systemTimers = `${workloadApi}/system-timers.ts`;
const objects = 'webhook/objects';
const editing = 'webhook/editing';
const envoy = 'webhook/envoy';
const templates = 'webhook/templates';
const proxy = 'webhook/proxy';
const request = 'webhook/request';
const istio = 'webhook/istio';
const identity = 'webhook/identity';
const injection = 'webhook/injection';
const admission = 'webhook/admission';
const desired = 'webhook/desired';
const checks = 'webhook/checks';
const manifests = 'webhook/manifests';
const spire = 'webhook/spire';
const kube = 'webhook/kube';
const survey = 'webhook/survey';
const consoleViews = 'webhook/console';
const consoleCluster = 'webhook/console-cluster';
const consoleServer = 'webhook/console-server';
const files = 'webhook/files';
const server = 'webhook/server';
const dev = 'webhook/dev';
const workbench = 'webhook/workbench';
const pagesShared = 'webhook/pages/shared';
const bansStore = 'bans/store';
const bansService = 'bans/service';
const bansServer = 'bans/server';

function pure(folder: string, ...imports: readonly string[]): Room {
  return { folder, isPure: true, imports };
}

/** Thin: one technology a folder. */
function thin(folder: string, ...imports: readonly string[]): Room {
  return { folder, isPure: false, imports };
}

/** From the ground up: a room imports only rooms that stand above it in this list. */
export const rooms: readonly Room[] = [
  pure(kernel),
  pure(config, kernel),
  pure(protobuf),
  pure(http2),
  pure(jwt, kernel),
  pure(authz, kernel, config, jwt, protobuf),
  pure(sds, kernel, config, jwt, protobuf),
  pure(bansService, kernel, config, jwt),
  thin(gen),
  thin(redis, kernel, config),
  thin('sidecar/stand-ins', kernel, gen),
  thin(sidecarServer, kernel, http2, authz, sds),
  // Messages are framed on both sides by the same code.
  thin(workloadApi, kernel, http2, jwt, gen, ...framing),
  thin('sidecar/helper', kernel, config, redis, jwt, authz, sds, workloadApi, sidecarServer),
  thin('images/demo', kernel),
  pure(certsPlan, kernel),
  // The webhook's SVID comes over the same Workload API as the helper's: its client is shared, not copied.
  thin(certs, kernel, workloadApi, certsPlan),
  pure(objects, kernel),
  pure(editing, kernel),
  pure(envoy, kernel, editing),
  pure(templates, kernel, config, editing),
  pure(proxy, kernel, config),
  pure(request, kernel, config, objects, templates, proxy),
  pure(istio, kernel, envoy, request),
  pure(identity, kernel, config, templates, proxy, request, istio),
  thin(spire, kernel, request, identity, certs, workloadApi),
  pure(injection, kernel, config, objects, editing, envoy, templates, proxy, request, istio),
  pure(admission, kernel, objects, editing, envoy, templates, request, injection),
  pure(
    desired,
    kernel,
    config,
    objects,
    templates,
    proxy,
    request,
    istio,
    identity,
    injection,
    admission,
  ),
  pure(
    checks,
    kernel,
    config,
    certsPlan,
    objects,
    editing,
    envoy,
    proxy,
    request,
    istio,
    identity,
    injection,
    admission,
    desired,
  ),
  pure(
    manifests,
    kernel,
    config,
    objects,
    editing,
    proxy,
    request,
    istio,
    identity,
    injection,
    admission,
    desired,
    checks,
  ),
  pure(
    consoleViews,
    kernel,
    config,
    certsPlan,
    editing,
    objects,
    request,
    injection,
    admission,
    checks,
    manifests,
  ),
  pure(workbench, kernel, editing, templates, request, injection, checks, manifests),
  // What runs in a browser.
  thin(pagesShared, kernel),
  thin('webhook/pages/workbench', kernel, request, workbench, pagesShared),
  thin('webhook/pages/console', kernel, consoleViews, pagesShared),
  thin('webhook/pages/start', 'webhook/dev/way-model.ts', pagesShared),
  thin(kube, kernel),
  // The API server is asked as the controller asks it.
  thin(bansStore, kernel, config, jwt, redis, systemTimers, watchFolder, kube),
  thin(
    'webhook/controller',
    kernel,
    objects,
    request,
    istio,
    identity,
    injection,
    admission,
    desired,
    kube,
    spire,
  ),
  thin(survey, kernel, config, objects, request, spire, istio, injection, desired, checks, kube),
  thin(
    consoleCluster,
    kernel,
    objects,
    request,
    injection,
    admission,
    checks,
    manifests,
    consoleViews,
    kube,
    survey,
    bansStore,
  ),
  thin(consoleServer, kernel, consoleViews, consoleCluster),
  thin(files, kernel, watchFolder, certs, templates, request, injection),
  thin(server, kernel, certs, admission),
  // The keys of callers come over the same Workload API as the helper's, and `/check` looks at the helper's list.
  thin(
    bansServer,
    kernel,
    config,
    jwt,
    authz,
    workloadApi,
    'sidecar/helper',
    certs,
    certsPlan,
    files,
    server,
    kube,
    bansStore,
    bansService,
  ),
  // Whoever serves a page on loopback asks the same of who asks it.
  thin(dev, kernel, config, 'webhook/console/same-origin.ts'),
  thin(
    'webhook/cli',
    kernel,
    config,
    certs,
    certsPlan,
    editing,
    objects,
    templates,
    proxy,
    request,
    identity,
    injection,
    admission,
    checks,
    manifests,
    kube,
    spire,
    survey,
    files,
    server,
    dev,
    bansStore,
    bansService,
    bansServer,
    consoleViews,
    consoleCluster,
    consoleServer,
    // What is ours in SPIRE and in the cluster, for `svidecar cleanup`.
    'webhook/controller',
    // What `svidecar serve` starts.
    'webhook/serve.ts',
    'webhook/serve-certificate.ts',
  ),
];
