/** Which cluster a command talks to: the options for it, and the connection. */
import type { Command } from 'commander';
import type { ConnectedApi } from '../kube/connection.ts';

export interface ClusterFlags {
  readonly context?: string;
  readonly kubeconfig?: string;
}

/** @param what is read from the cluster, such as `for live objects` */
export function addClusterFlags(command: Command, what: string): Command {
  return command
    .option('--context <name>', `${what}: the context of the kubeconfig`)
    .option('--kubeconfig <file>', `${what}: the kubeconfig (default: as kubectl)`);
}

/**
 * With the log-in plug-ins of the kubeconfig.
 * @throws {AppError} CLUSTER_UNREACHABLE when there is no such kubeconfig or context
 */
export async function connectTo({ kubeconfig, context }: ClusterFlags): Promise<ConnectedApi> {
  // Loaded when called: the Kubernetes client is by far the largest library we have.
  const { connect } = await import('../kube/connection.ts');
  return connect({
    kind: 'kubeconfig',
    ...(kubeconfig === undefined ? {} : { path: kubeconfig }),
    ...(context === undefined ? {} : { context }),
  });
}
