/** Where an API server is, and who we are to it: kubeconfigs and log-in plug-ins, as client-node reads them. */
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { AppError, messageOf } from '#kernel/errors.ts';
import {
  loadFile,
  mergeFiles,
  naming,
  UnusableKubeconfig,
  withoutCluster,
} from './kubeconfig-files.ts';

/** Where the API server is, and who we are to it. */
export type ClusterTarget =
  /** The pod's ServiceAccount. */
  | { readonly kind: 'in_cluster' }
  /**
   * Where `path` is absent: those of `among`, merged (`KUBECONFIG`), else ~/.kube/config; its current context where
   * `context` is absent.
   */
  | {
      readonly kind: 'kubeconfig';
      readonly path?: string;
      readonly among?: readonly string[];
      readonly context?: string;
    }
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
  /** What to do when the server does not answer: the end of a sentence, or empty. */
  readonly advice: string;
}

const titles: Readonly<Record<ClusterTarget['kind'], string>> = {
  in_cluster: "the pod's ServiceAccount",
  kubeconfig: 'the kubeconfig',
  explicit: 'the address of the API server',
};
const advice =
  '; check that the cluster runs, that network, VPN and proxy lead there, and that the context is the right one (--context)';

/** What is read where nobody names another. */
const usualFile = '~/.kube/config';

/** Does not talk to the server yet. @throws {AppError} CLUSTER_UNREACHABLE when there is no such configuration */
export async function readAccess(target: ClusterTarget): Promise<ClusterAccess> {
  // Loaded only when a cluster is contacted: the library is by far our largest.
  const { KubeConfig: Config } = await import('./client-library.ts');
  const config = new Config();
  try {
    load(config, target, () => new Config());
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new UnusableKubeconfig(withoutCluster(config));
    const isKubeconfig = target.kind === 'kubeconfig';
    const url = cluster.server.replace(/\/$/, '');
    if (isKubeconfig && !/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
      throw new UnusableKubeconfig(
        `the server of its cluster "${cluster.name}" is no address such as https://host:6443`,
      );
    return { config, url, advice: isKubeconfig ? advice : '' };
  } catch (thrown) {
    throw new AppError(
      'CLUSTER_UNREACHABLE',
      `${titles[target.kind]} cannot be used: ${messageOf(thrown)}`,
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
    const isPlain = config.getCurrentCluster()?.server.startsWith('http:') === true;
    const why = isOfTheSystem ? messageOf(thrown) : 'it failed, or returned no credential';
    if (isPlain && plugIn === undefined)
      throw new AppError(
        'CLUSTER_UNREACHABLE',
        `the server of the kubeconfig's cluster is plain http://, over which no credentials are sent: write https:// there`,
        { cause: thrown },
      );
    const what =
      plugIn === undefined
        ? `the credentials of the kubeconfig cannot be used: ${why}`
        : `the log-in plug-in ${String(plugIn.command)} of the kubeconfig: ${why}; run it by hand, or log in again`;
    throw new AppError('CLUSTER_UNREACHABLE', what, { cause: thrown });
  }
}

function load(config: KubeConfig, target: ClusterTarget, open: () => KubeConfig): void {
  switch (target.kind) {
    case 'in_cluster':
      config.loadFromCluster();
      return;
    case 'kubeconfig':
      if (target.path !== undefined) loadFile(config, target.path);
      else if (target.among !== undefined) mergeFiles(config, target.among, open);
      else loadDefault(config);
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
  naming(usualFile, () => {
    config.loadFromDefault();
  });
  if (config.currentContext === 'loaded-context')
    throw new UnusableKubeconfig(
      'there is none: KUBECONFIG is not set, and there is no ~/.kube/config; log in to a cluster, set KUBECONFIG, or give --kubeconfig FILE',
    );
}
