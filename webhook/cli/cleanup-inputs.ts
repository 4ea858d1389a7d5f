/** What `svidecar cleanup` starts from: the cluster, where it is reached, and the configuration that the controller has. */
import { AppError } from '#kernel/errors.ts';
import type { CleanUpSite } from '../controller/cleanup/clean-up.ts';
import { testedKubernetesMinor } from '../injection/tested-kubernetes.ts';
import { ApiRefusal } from '../kube/kubernetes-api.ts';
import { noRevision } from '../request/revision.ts';
import type { InjectorConfig } from '../request/injector-config.ts';
import { configText } from '../survey/configuration.ts';
import { connectTo, engineSource, type ClusterFlags } from './cluster-flags.ts';
import { defaultKubernetes, engineFrom } from './options.ts';
import type { CliContext } from './terminal.ts';

export interface CleanUpInputs extends ClusterFlags {
  readonly config?: string;
  /** svidecar's own. */
  readonly namespace: string;
  /** Whose configuration counts. */
  readonly revision?: string;
}

type MaybeCluster = CleanUpSite['cluster'];

/** Without a cluster entries can still go. */
export async function readCluster(flags: ClusterFlags, context: CliContext): Promise<MaybeCluster> {
  try {
    return await connectTo(flags, context);
  } catch (thrown) {
    return { reason: unreachable(thrown) };
  }
}

interface InForce {
  readonly config: InjectorConfig;
  readonly cluster: MaybeCluster;
}

/**
 * The file that is given, else what the cluster has, else the defaults.
 * @throws {AppError} CLUSTER_FORBIDDEN where the cluster's may not be read, so that nobody knows; as {@link engineFrom}
 */
export async function configInForce(
  { config: file, namespace, revision = noRevision }: CleanUpInputs,
  at: {
    readonly connected: MaybeCluster;
    readonly context: CliContext;
    readonly signal: AbortSignal;
  },
): Promise<InForce> {
  const { connected, context, signal } = at;
  const given = (cluster: MaybeCluster): InForce => {
    const flags = { kubernetesVersion: defaultKubernetes };
    const { config } = engineFrom(file === undefined ? flags : { ...flags, config: file }, context);
    return { config, cluster };
  };
  if (file !== undefined || 'reason' in connected) return given(connected);
  try {
    const text = await configText(connected, { namespace, revision }, signal);
    if (text === undefined) return given(connected);
    const where = `the configuration in namespace ${namespace}`;
    const { make } = engineSource(undefined, context);
    return { config: make(testedKubernetesMinor, { text, where }).config, cluster: connected };
  } catch (thrown) {
    if (thrown instanceof ApiRefusal)
      throw new AppError(
        'CLUSTER_FORBIDDEN',
        `cannot read svidecar's configuration, so it is not known whether its controller would make everything anew (${thrown.message}); give --config`,
      );
    return given({ reason: unreachable(thrown) });
  }
}

/** @throws {AppError} USAGE */
export function refuseWhileMade({ registration, federation }: InjectorConfig): void {
  const made = [
    ...(registration === 'none' ? [] : [`registration: ${registration}`]),
    ...(federation.length === 0
      ? []
      : [`federation with ${federation.map(({ trustDomain }) => trustDomain).join(', ')}`]),
  ];
  if (made.length === 0) return;
  throw new AppError(
    'USAGE',
    `the configuration says ${made.join(' and ')}, so the controller would make again what is deleted; set registration: none and federation: [] first, and wait until svidecar has read it. If it is stopped: give --config with a file that says so`,
  );
}

/** @throws what says something else than that nobody is reached */
function unreachable(thrown: unknown): string {
  if (thrown instanceof AppError && thrown.code === 'CLUSTER_UNREACHABLE') return thrown.message;
  throw thrown;
}
