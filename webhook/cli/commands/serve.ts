/** `svidecar serve`: the webhook. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import { everyAddress } from '#kernel/every-address.ts';
import { logLevels, type LogLevel } from '#kernel/observe.ts';
import { createLog } from '../../server/log.ts';
import {
  addCertificateFlags,
  usualService,
  certificateSettings,
  type CertificateFlags,
} from '../certificate-flags.ts';
import { addConfigFlag } from '../options.ts';
import { nameFor, noRevision } from '../../request/revision.ts';
import { parsePort } from '../port.ts';
import { parseRevision } from '../revision-flag.ts';
import type { CliContext } from '../terminal.ts';

interface ServeFlags extends CertificateFlags {
  readonly config?: string;
  readonly host: string;
  readonly port: number;
  readonly kubeconfig?: string;
  readonly namespace: string;
  readonly revision?: string;
  readonly logLevel: LogLevel;
}

const examples = `
In a cluster the manifests start it: kubectl apply -k manifests/kustomize/base

Example, against the cluster of a kubeconfig:
  svidecar serve --certificates ./tls --kubeconfig ~/.kube/config --port 8443

SIGTERM: says "not ready", serves on while the cluster takes it out of its endpoints, then ends.`;

export function serveCommand(context: CliContext): Command {
  return addCertificateFlags(addConfigFlag(new Command('serve')))
    .description('Runs the admission webhook and the controller of its ConfigMaps.')
    .option('--host <address>', 'address to listen on; :: is every one, of IPv4 too', everyAddress)
    .option('--port <number>', 'port to listen on', parsePort, 8443)
    .option('--kubeconfig <file>', "the cluster to serve (default: the pod's own)")
    .option(
      '-n, --namespace <name>',
      "svidecar's own namespace, which it never touches",
      'svidecar',
    )
    .option(
      '--revision <name>',
      'which of several installations in the cluster it is (docs/revisions.md)',
      parseRevision,
    )
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(logLevels)
        .default('info'),
    )
    .addHelpText('after', examples)
    .action((flags: ServeFlags) => run(flags, context));
}

async function run(flags: ServeFlags, { terminal, installation }: CliContext): Promise<void> {
  // Loaded when called: the Kubernetes client is by far the largest library we have.
  const { serve } = await import('../../serve.ts');
  const interrupted = terminal.untilInterrupted();
  const { version, templates } = installation;
  const { revision = noRevision } = flags;
  const serving = await serve({
    files: { templates, config: flags.config, version },
    certificate: {
      settings: certificateSettings(flags),
      service: flags.service === usualService ? nameFor(usualService, revision) : flags.service,
      hosts: flags.certificateHost ?? [],
      // Pods have their name as the host's; the rest tells two starts of one pod apart.
      identity: `${hostname()}_${randomUUID()}`,
    },
    host: flags.host,
    port: flags.port,
    target:
      flags.kubeconfig === undefined
        ? { kind: 'in_cluster' }
        : { kind: 'kubeconfig', path: flags.kubeconfig },
    namespace: flags.namespace,
    revision,
    clock: { now: terminal.now },
    log: createLog(flags.logLevel),
  });
  if (!interrupted.aborted) await once(interrupted, 'abort');
  await serving.stop();
}
