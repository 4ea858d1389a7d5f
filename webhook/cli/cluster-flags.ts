/** Which cluster a command talks to: the options for it, and the connection. */
import type { Command } from 'commander';
import { engineFromText, loadEngine } from '../files/load-engine.ts';
import type { ConnectedApi } from '../kube/connection.ts';
import type { EngineSource } from '../survey/site.ts';
import type { CliContext } from './terminal.ts';

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

/** The engine of a configuration that was given (a file), or that the cluster has. */
export function engineSource(
  config: string | undefined,
  { installation: { templates, version } }: CliContext,
): EngineSource {
  return {
    isGiven: config !== undefined,
    make: (kubernetesMinor, text) =>
      text === undefined
        ? loadEngine({ templates, config, kubernetesMinor, version })
        : engineFromText(text, { templates, kubernetesMinor, version }),
  };
}
