/** Who calls a pod's ports without a token: the kubelet and Prometheus. And who could bypass Envoy. */
import { onceFor } from '#kernel/once.ts';
import { before, withoutTail } from '#kernel/text.ts';
import { isObject, listAt, objectAt, stringAt, type Json, type JsonObject } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/helper-contract.ts';
import { readSettings } from '../../sidecar/config/settings.ts';
import { skipFilter } from '../../sidecar/config/skip-paths.ts';
import type { Guard, InboundView } from '../envoy/patch-contract.ts';
import type { InboundPort } from '../proxy/proxy-plan.ts';
import { annotationKey } from '../request/metadata-keys.ts';
import type { Status } from './status.ts';
import type { Trace } from './trace.ts';

/** A request that never carries a token. */
interface Visit {
  /** `container "app": its readinessProbe asks for /ready` */
  readonly title: string;
  readonly port: number;
  readonly path: string;
  /** The consequence of a refusal. */
  readonly otherwise: string;
  /** Whether Envoy's own container declares the port. */
  readonly isEnvoys: boolean;
}

interface Pod {
  readonly containers: readonly JsonObject[];
  readonly annotations: JsonObject;
  readonly envoyDirectory: string;
}

interface Passers {
  readonly inbound: InboundView;
  readonly trace: Trace;
  /** Whether the kubelet, and Prometheus, come through Envoy. */
  readonly hasProbes?: boolean;
  readonly hasScrapes?: boolean;
}

/** Warns about visits that lead through a guarded listener, and about ports of the app that Envoy does not guard. */
export function checkVisits(
  template: JsonObject,
  status: Pick<Status, 'envoy' | 'helper'>,
  passers: Passers,
): void {
  const { inbound, trace } = passers;
  if (inbound.guards.length === 0) return;
  const spec = objectAt(template, 'spec');
  const pod: Pod = {
    containers: [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')]
      .filter(isObject)
      .filter((container) => container['name'] !== helperContainer),
    annotations: objectAt(objectAt(template, 'metadata'), 'annotations'),
    envoyDirectory: status.envoy?.directory ?? '',
  };
  const ways = waysOf(inbound);
  const skips = skipsOf(status);
  for (const visit of visitsOf(pod, status, passers)) {
    const sentence = sentenceOf(visit, ways, skips);
    if (sentence !== undefined) trace.warn('probe_without_token', sentence);
  }
  for (const sentence of openPorts(pod, inbound)) trace.say('app_port_open', sentence);
}

function visitsOf(
  pod: Pod,
  status: Pick<Status, 'envoy'>,
  { inbound, hasProbes = true, hasScrapes = true }: Passers,
): readonly Visit[] {
  return [
    ...(hasProbes ? tokenless(pod, status) : []),
    ...(hasScrapes ? scrapesOf(pod, inbound) : []),
  ];
}

/** But for those that an Envoy of ours refuses before it comes to tokens: see `uncertifiedProbes`. */
function tokenless(pod: Pod, { envoy }: Pick<Status, 'envoy'>): readonly Visit[] {
  const refused = new Set(envoy?.proxy?.inbound.map(({ listen }) => listen));
  return probesOf(pod).filter(({ port }) => !refused.has(port));
}

const probeKinds: Readonly<Record<string, string>> = {
  readinessProbe: 'the pod would not become ready',
  livenessProbe: 'the container would be restarted',
  startupProbe: 'the container would be restarted',
};

interface Handler {
  readonly container: JsonObject;
  /** `readinessProbe` */
  readonly title: string;
  readonly handler: JsonObject;
  readonly otherwise: string;
}

/** Probes and lifecycle hooks: the kubelet carries out both. */
function handlersOf({ containers }: Pick<Pod, 'containers'>): readonly Handler[] {
  return containers.flatMap((container) => [
    ...Object.entries(probeKinds).map(([title, otherwise]) => ({
      container,
      title,
      handler: objectAt(container, title),
      otherwise,
    })),
    ...['postStart', 'preStop'].map((title) => ({
      container,
      title: `lifecycle.${title}`,
      handler: objectAt(objectAt(container, 'lifecycle'), title),
      otherwise: 'the hook would fail',
    })),
  ]);
}

function probesOf(pod: Pod): readonly Visit[] {
  return handlersOf(pod).flatMap(({ container, title, handler, otherwise }): readonly Visit[] => {
    const target = targetOf(handler);
    const port = target === undefined ? undefined : portOf(target.port, container);
    if (target === undefined || port === undefined) return [];
    const { path } = target;
    const isEnvoys = isEnvoy(container, pod);
    return [
      {
        title: `${nameOf(container)}: its ${title} asks for ${path}`,
        port,
        path,
        otherwise,
        isEnvoys,
      },
    ];
  });
}

/** Of ports of an Envoy of ours: mTLS comes before all else there. */
export function uncertifiedProbes(
  spec: JsonObject,
  inbound: readonly InboundPort[],
): readonly string[] {
  const ours = new Map(inbound.map(({ listen, app }) => [listen, app]));
  const containers = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')];
  return handlersOf({ containers: containers.filter(isObject) }).flatMap(
    ({ container, title, handler, otherwise }) =>
      ['httpGet', 'grpc', 'tcpSocket'].flatMap((kind): readonly string[] => {
        const target = objectAt(handler, kind);
        const port = portOf(target['port'] ?? null, container);
        const app = port === undefined ? undefined : ours.get(port);
        if (app === undefined || target['host'] !== undefined) return [];
        const effect =
          kind === 'tcpSocket'
            ? 'which takes the connection whether the app is there or not'
            : `where the kubelet has no certificate to show: ${otherwise}`;
        return [
          `${nameOf(container)}: its ${title} asks port ${port ?? ''} of the injected Envoy, ${effect}; ask the app's port ${app}, or, if the app listens on 127.0.0.1 alone, use exec`,
        ];
      }),
  );
}

/** What a handler asks for by HTTP; one with `exec` or `tcpSocket` sends no request. */
function targetOf(handler: JsonObject): { readonly port: Json; readonly path: string } | undefined {
  const { httpGet, grpc } = handler;
  if (isObject(httpGet)) {
    const path = stringAt(httpGet, 'path') ?? '';
    return { port: httpGet['port'] ?? null, path: path.startsWith('/') ? path : `/${path}` };
  }
  if (!isObject(grpc)) return undefined;
  return { port: grpc['port'] ?? null, path: '/grpc.health.v1.Health/Check' };
}

/** A port's number, or that of the container's port with this name. */
function portOf(port: Json, container: JsonObject): number | undefined {
  const number = Number(port);
  if (Number.isInteger(number) && number > 0) return number;
  const declared = listAt(container, 'ports')
    .filter(isObject)
    .find((one) => one['name'] === port)?.['containerPort'];
  return typeof declared === 'number' ? declared : undefined;
}

const scrape = 'prometheus.io/';

/** Prometheus uses these annotations in its example setup: without a port, it scrapes each declared one. */
function scrapesOf({ annotations, containers }: Pod, inbound: InboundView): readonly Visit[] {
  if (stringAt(annotations, `${scrape}scrape`) !== 'true') return [];
  const path = stringAt(annotations, `${scrape}path`) ?? '/metrics';
  const port = stringAt(annotations, `${scrape}port`);
  const guarded = new Set(inbound.guards.flatMap(({ ports }) => ports));
  const areAllGuarded = inbound.guards.some(({ getsAllPorts }) => getsAllPorts);
  const declared = containers
    .flatMap(declaredPorts)
    .filter((one) => areAllGuarded || guarded.has(one));
  const ports = port === undefined ? [...new Set(declared)] : [Number(port)];
  const what = `annotations ${scrape}*: Prometheus asks for ${path}`;
  return ports.map((one) => ({
    title: what,
    port: one,
    path,
    otherwise: 'there would be no metrics',
    isEnvoys: false,
  }));
}

function declaredPorts(container: JsonObject): readonly number[] {
  return listAt(container, 'ports')
    .filter(isObject)
    .map((port) => port['containerPort'])
    .filter((port) => typeof port === 'number');
}

function isEnvoy(container: JsonObject, { envoyDirectory }: Pod): boolean {
  return listAt(container, 'volumeMounts')
    .filter(isObject)
    .some((mount) => withoutTail(stringAt(mount, 'mountPath') ?? '', '/') === envoyDirectory);
}

function sentenceOf(
  visit: Visit,
  ways: Ways,
  skips: (rule: string) => (path: string) => boolean,
): string | undefined {
  const { title, port, path, otherwise } = visit;
  const way = wayThrough(visit, ways);
  if (way === undefined || skips(way.guard.rule)(path)) return undefined;
  const { listener, place, rule } = way.guard;
  return `${title} on port ${port}, ${way.words} listener ${listener} (${place}), where ${rule} demands a token that it does not have: ${otherwise}; ${remedyOf(visit)}`;
}

/** An inbound view, indexed for the check of each visit. */
interface Ways {
  readonly guards: readonly Guard[];
  /** The first guard that listens on a port. */
  readonly byPort: ReadonlyMap<number, Guard>;
  readonly ports: ReadonlySet<number>;
  readonly all: Guard | undefined;
}

function waysOf({ guards, ports }: InboundView): Ways {
  const byPort = new Map<number, Guard>();
  for (const guard of guards) {
    for (const port of guard.ports) if (!byPort.has(port)) byPort.set(port, guard);
  }
  const all = guards.find(({ getsAllPorts }) => getsAllPorts);
  return { guards, byPort, ports: new Set(ports), all };
}

/** The guard that a visit reaches, and how certain that is. */
function wayThrough(
  { port, isEnvoys }: Visit,
  { guards, byPort, ports, all }: Ways,
): { readonly guard: Guard; readonly words: string } | undefined {
  const direct = byPort.get(port);
  if (direct !== undefined) return { guard: direct, words: 'which leads through' };
  if (ports.has(port)) return undefined;
  const redirected = "which, if the pod's connections are redirected there, leads through";
  if (all !== undefined) return { guard: all, words: redirected };
  // Envoy's own container names a port that nothing in the configuration listens on: what does is not known.
  const [first] = guards;
  if (!isEnvoys || first === undefined) return undefined;
  const words =
    'on which nothing in the configuration listens; if the pod leads it on to Envoy, it goes through';
  return { guard: first, words };
}

function remedyOf({ path }: Visit): string {
  const bare = before(before(path, '?'), '#');
  const others = `name the listeners that need a token in ${annotationKey('validate-listeners')}`;
  return skipFilter([bare])(bare)
    ? `let the path pass with ${annotationKey('skip-paths')}: ${bare}, or ${others}`
    : others;
}

/** Which paths each of the helper's rules lets pass. The settings are our own: written by the webhook. */
function skipsOf({ helper }: Pick<Status, 'helper'>): (rule: string) => (path: string) => boolean {
  return onceFor((rule) => {
    if (helper === undefined) return () => false;
    const { rules } = readSettings(helper.settings, `ConfigMap ${helper.configMap}`);
    const own = rules.find(({ name }) => name === rule);
    return own !== undefined && 'skipPaths' in own ? skipFilter(own.skipPaths) : () => false;
  });
}

/** Exposed ports behind a guard: whoever reaches the pod can call them without Envoy. */
function openPorts(pod: Pod, { appPorts, ports }: InboundView): readonly string[] {
  const own = new Set(ports);
  const evidences = evidencesOf(pod);
  return appPorts
    .filter(({ port }) => !own.has(port))
    .flatMap(({ port, guard }): readonly string[] => {
      const evidence = evidences.get(port);
      if (evidence === undefined) return [];
      return [
        `${evidence}, and listener ${guard.listener} (${guard.place}) sends it what ${guard.rule} has checked: unless the app listens on 127.0.0.1 alone, whoever reaches the pod can ask port ${port} without a token`,
      ];
    });
}

/** What shows that an app listens on a port: first what calls it at the pod's address, then what declares it. */
function evidencesOf(pod: Pod): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const add = (port: number | undefined, evidence: string): void => {
    if (port !== undefined && !found.has(port)) found.set(port, evidence);
  };
  for (const { container, title, handler } of handlersOf(pod)) {
    for (const kind of ['httpGet', 'grpc', 'tcpSocket']) {
      const target = objectAt(handler, kind);
      if (target['host'] !== undefined) continue;
      const port = portOf(target['port'] ?? null, container);
      add(port, `${nameOf(container)}: its ${title} asks port ${port ?? ''} at the pod's address`);
    }
  }
  for (const container of pod.containers) {
    for (const port of declaredPorts(container)) {
      add(port, `${nameOf(container)}: it declares port ${port}`);
    }
  }
  return found;
}

function nameOf(container: JsonObject): string {
  return `container "${stringAt(container, 'name') ?? ''}"`;
}
