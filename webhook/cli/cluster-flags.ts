/** Which cluster a command talks to: the options for it, and the connection. */
import type { Command } from 'commander';
import { engineFromText, loadEngine } from '../files/load-engine.ts';
import type { ConnectedApi } from '../kube/connection.ts';
import type { AccessRight, RightsApi } from '../kube/denied-rights.ts';
import { noRevision } from '../request/revision.ts';
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
 * With the log-in plug-ins of the kubeconfig. Rights that turn out to be missing are told at the end of the command.
 * @param needs asked at the end: what the command would ask for next if it had these rights
 * @throws {AppError} CLUSTER_UNREACHABLE when there is no such kubeconfig or context
 */
export async function connectTo(
  flags: ClusterFlags,
  { installation, terminal, atEnd }: Pick<CliContext, 'installation' | 'terminal' | 'atEnd'>,
  needs: (api: RightsApi) => readonly AccessRight[] = () => [],
): Promise<RightsApi> {
  const connected = await connectQuietly(flags, installation);
  const { RightsApi: Rights } = await import('../kube/denied-rights.ts');
  const { tellMissingRights } = await import('./told-rights.ts');
  const api = new Rights(connected, (answered, resource) =>
    terminal.tellProgress?.(`asking ${connected.url}: ${answered} answers, now ${resource}`),
  );
  atEnd(() => tellMissingRights(api, terminal, needs(api)));
  return api;
}

/** {@link connectTo} where missing rights are told elsewhere than on the terminal. @throws {AppError} as it does */
export async function connectQuietly(
  { kubeconfig: path, context }: ClusterFlags,
  { kubeconfigs: among }: CliContext['installation'],
): Promise<ConnectedApi> {
  // Loaded when called: the Kubernetes client is by far the largest library we have.
  const { connect } = await import('../kube/connection.ts');
  return connect({
    kind: 'kubeconfig',
    ...(path === undefined ? {} : { path }),
    ...(among === undefined ? {} : { among }),
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
    make: (kubernetesMinor, text, revision = noRevision) => {
      const named = revision === noRevision ? {} : { revision };
      const files = { templates, kubernetesMinor, version, ...named };
      return text === undefined ? loadEngine({ ...files, config }) : engineFromText(text, files);
    },
  };
}
