/** Where an API server is, and who we are to it: kubeconfigs and log-in plug-ins, as client-node reads them. */
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { AppError, messageOf } from '#kernel/errors.ts';
import { isObject } from '#kernel/json.ts';

/** Where the API server is, and who we are to it. */
export type ClusterTarget =
  /** The pod's ServiceAccount. */
  | { readonly kind: 'in_cluster' }
  /** KUBECONFIG or ~/.kube/config where `path` is absent; its current context where `context` is absent. */
  | { readonly kind: 'kubeconfig'; readonly path?: string; readonly context?: string }
  | {
      readonly kind: 'explicit';
      readonly url: string;
      /** PEM; without it the system's authorities are trusted. */
      readonly caPem?: string;
      readonly token?: string;
    };

export interface ClusterAccess {
  readonly config: KubeConfig;
  /** Of the API server, without a slash at its end. */
  readonly url: string;
}

const titles: Readonly<Record<ClusterTarget['kind'], string>> = {
  in_cluster: "the pod's ServiceAccount",
  kubeconfig: 'the kubeconfig',
  explicit: 'the address of the API server',
};
/** Contexts that a message names. */
const maxNamed = 10;

/** Does not talk to the server yet. @throws {AppError} CLUSTER_UNREACHABLE when there is no such configuration */
export async function readAccess(target: ClusterTarget): Promise<ClusterAccess> {
  // Loaded only when a cluster is contacted: the library is by far our largest.
  const { KubeConfig: Config } = await import('./client-library.ts');
  const config = new Config();
  try {
    load(config, target);
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new TypeError(withoutCluster(config));
    return { config, url: cluster.server.replace(/\/$/, '') };
  } catch (thrown) {
    throw new AppError(
      'CLUSTER_UNREACHABLE',
      `${titles[target.kind]} cannot be used: ${faultOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/** @throws {AppError} CLUSTER_UNREACHABLE; what a plug-in printed is left out, as it may be a credential */
export async function applyCredentials(config: KubeConfig, options: RequestOptions): Promise<void> {
  try {
    await config.applyToHTTPSOptions(options);
  } catch (thrown) {
    const isOfTheSystem = thrown instanceof Error && 'code' in thrown;
    const plugIn = config.getCurrentUser()?.exec as { command?: unknown } | undefined;
    const why = isOfTheSystem ? messageOf(thrown) : 'it failed, or returned no credential';
    const what =
      plugIn === undefined
        ? `the credentials of the kubeconfig cannot be used: ${why}`
        : `the log-in plug-in ${String(plugIn.command)} of the kubeconfig: ${why}; run it by hand, or log in again`;
    throw new AppError('CLUSTER_UNREACHABLE', what, { cause: thrown });
  }
}

/** Why the chosen context has no cluster. */
function withoutCluster(config: KubeConfig): string {
  const context = config.getCurrentContext();
  if (context === '') return 'it has no current context; give one with --context';
  const known = config.getContexts();
  const cluster = known.find(({ name }) => name === context)?.cluster;
  if (cluster !== undefined)
    return `its context "${context}" names cluster "${cluster}", which it does not have`;
  if (known.length === 0) return `it has no context "${context}", nor any other`;
  const names = known.slice(0, maxNamed).map(({ name }) => `"${name}"`);
  const more = known.length > maxNamed ? ` and ${known.length - maxNamed} more` : '';
  return `it has no context "${context}", only ${names.join(', ')}${more}`;
}

/** js-yaml quotes the lines around a fault, and a kubeconfig holds keys and tokens: only its reason and position are given. */
function faultOf(thrown: unknown): string {
  if (!(thrown instanceof Error && 'reason' in thrown && 'mark' in thrown))
    return messageOf(thrown);
  const { reason, mark } = thrown;
  const place = isObject(mark) ? [mark['line'], mark['column']] : [];
  const [line, column] = place.map((number) => Number(number) + 1);
  return `${String(reason)}${line === undefined ? '' : ` at line ${line}, column ${column}`}`;
}

function load(config: KubeConfig, target: ClusterTarget): void {
  switch (target.kind) {
    case 'in_cluster':
      config.loadFromCluster();
      return;
    case 'kubeconfig':
      if (target.path === undefined) loadDefault(config);
      else config.loadFromFile(target.path);
      if (target.context !== undefined) config.setCurrentContext(target.context);
      return;
    case 'explicit': {
      const { url, caPem, token } = target;
      const caData = caPem === undefined ? {} : { caData: Buffer.from(caPem).toString('base64') };
      // Plain HTTP is for a proxy on loopback; the library needs both settings.
      const skipTLSVerify = url.startsWith('http:');
      config.loadFromClusterAndUser(
        { name: 'explicit', server: url, skipTLSVerify, ...caData },
        { name: 'explicit', ...(token === undefined ? {} : { token }) },
      );
      return;
    }
    default:
      target satisfies never;
  }
}

/** Without any configuration the library falls back to http://localhost:8080, where nobody has an API server. */
function loadDefault(config: KubeConfig): void {
  config.loadFromDefault();
  if (config.currentContext === 'loaded-context')
    throw new TypeError('there is none: set KUBECONFIG, give --kubeconfig FILE, or log in');
}
