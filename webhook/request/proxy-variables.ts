/** What the template `envoy` can use: the plan of its Envoy, and the container's values. */
import { isArray, isObject, type Json, type JsonObject } from '#kernel/json.ts';
import { inboundName, proxyPorts, upstreamName } from '../proxy/proxy-plan.ts';
import type { Variables } from '../templates/substitute.ts';
import type { InjectorConfig } from './injector-config.ts';
import { amountOf } from './quantity.ts';
import type { Settings } from './read-annotations.ts';

/** Kubernetes minor version from which a lifecycle hook may sleep. */
const sleepMinor = 30;
/** Of the memory limit: what is left over is for what Envoy does not count, such as its stacks and TLS. */
const heapShare = 0.8;
/** Where its configuration, and its admin socket, are in the container. */
const configDirectory = '/etc/svidecar-envoy';
const runDirectory = '/run/svidecar-envoy';

/** HTTP listeners of an Envoy of ours, by direction; undefined where none is asked for. */
export interface ProxyPorts {
  readonly inbound: readonly string[] | undefined;
  readonly outbound: readonly string[] | undefined;
}

function itemsOf(settings: Settings, key: 'inbound' | 'upstreams'): readonly JsonObject[] {
  const value = settings[key];
  return isArray(value) ? value.filter(isObject) : [];
}

function isAsked(settings: Settings): boolean {
  return settings['inbound'] !== undefined || settings['upstreams'] !== undefined;
}

export function proxyPortsIn(settings: Settings): ProxyPorts {
  if (!isAsked(settings)) return { inbound: undefined, outbound: undefined };
  const names = (key: 'inbound' | 'upstreams', nameOf: (listen: number) => string): string[] =>
    itemsOf(settings, key)
      .filter(({ protocol }) => protocol !== 'tcp')
      .map(({ listen }) => nameOf(Number(listen)));
  return { inbound: names('inbound', inboundName), outbound: names('upstreams', upstreamName) };
}

interface AssumedAudiences {
  readonly audience: string | undefined;
  readonly byHost: JsonObject | undefined;
}

/**
 * A token is meant for the workload that must answer: one for all where that is the same everywhere, else one for each local
 * port, told apart by the host that the app names.
 */
export function audiencesOf(settings: Settings, { outbound }: ProxyPorts): AssumedAudiences {
  const none = { audience: undefined, byHost: undefined };
  const isSaid = (['audience', 'inject-audience', 'audience-by-host'] as const).some(
    (key) => settings[key] !== undefined,
  );
  if (isSaid || outbound === undefined) return none;
  const upstreams = itemsOf(settings, 'upstreams').filter(({ protocol }) => protocol !== 'tcp');
  const ids = new Set(upstreams.map(({ spiffeId }) => spiffeId));
  const [only] = ids;
  if (typeof only !== 'string') return none;
  if (ids.size === 1) return { ...none, audience: only };
  const pairs = upstreams.flatMap(({ listen, spiffeId }) =>
    localHosts(Number(listen)).map((host) => [host, spiffeId ?? null] as const),
  );
  return { ...none, byHost: Object.fromEntries(pairs) };
}

/** How the app names a local port. */
function localHosts(listen: number): readonly string[] {
  return [`127.0.0.1:${listen}`, `localhost:${listen}`];
}

interface ProxyFacts {
  readonly identity: Variables;
  readonly tokens: Variables;
  readonly config: InjectorConfig;
  readonly kubernetesMinor: number;
}

export function proxyVariables(settings: Settings, facts: ProxyFacts): Variables {
  const { envoy } = facts.config;
  const inbound = itemsOf(settings, 'inbound');
  return {
    proxyPlan: isAsked(settings) ? planOf(settings, facts) : undefined,
    proxyInbound: inbound.map(({ listen }) => ({
      name: inboundName(Number(listen)),
      port: listen,
    })),
    proxyHealthPort: proxyPorts.health,
    proxyDrainPort: proxyPorts.drain,
    proxyDirectory: configDirectory,
    proxyRunDirectory: runDirectory,
    // Whoever calls must hear of the end before the app is gone.
    proxyDrains: inbound.length > 0,
    appWaits: inbound.length > 0 && facts.kubernetesMinor >= sleepMinor,
    envoyImage: envoy.image,
    envoyImagePullPolicy: envoy.imagePullPolicy,
    envoyRunAsUser: envoy.runAsUser ?? undefined,
    envoyConcurrency: String(envoy.concurrency),
    envoyCpuRequest: envoy.cpuRequest,
    envoyCpuLimit: envoy.cpuLimit,
    envoyMemoryRequest: envoy.memoryRequest,
    envoyMemoryLimit: envoy.memoryLimit,
  };
}

/** As a `ProxyPlan` is stored in the status. */
function planOf(settings: Settings, { identity, tokens, config }: ProxyFacts): Json {
  const { envoy, socket } = config;
  const isByPort = audiencesOf(settings, proxyPortsIn(settings)).byHost !== undefined;
  const accessLog = settings['access-log'];
  return {
    spiffeId: identity['spiffeId'] ?? null,
    agentSocket: `${socket.mountPath}/${socket.file}`,
    inbound: [...itemsOf(settings, 'inbound')],
    upstreams: itemsOf(settings, 'upstreams').map((upstream) => ({
      ...upstream,
      // A request for another host would leave without a token.
      domains: isByPort ? [...localHosts(Number(upstream['listen']))] : ['*'],
    })),
    callers: tokens['allowCallers'] ?? [],
    accessLog: typeof accessLog === 'boolean' ? accessLog : envoy.accessLog,
    anyAddress: envoy.listenAddress,
    admin: { socket: `${runDirectory}/admin.sock` },
    inPod: true,
    maxHeapBytes: Math.floor(amountOf(envoy.memoryLimit) * heapShare),
  };
}
