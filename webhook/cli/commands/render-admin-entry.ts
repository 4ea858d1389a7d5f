/** `svidecar render admin-entry`: the one entry that lets svidecar write the others. */
import { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { parseSpiffeId } from '#kernel/spiffe-id.ts';
import { dnsLabel, dnsSubdomain } from '#kernel/dns-label.ts';
import { usualAgentId } from '../../identity/agent-id.ts';
import { imageSelector, isImageReference } from '../../identity/image-selector.ts';
import type { EntryContent } from '../../identity/registration.ts';
import { commandFor } from '../../identity/server-forms.ts';
import { addConfigFlag, defaultKubernetes, engineFrom, type EngineFlags } from '../options.ts';
import type { CliContext } from '../terminal.ts';

interface AdminEntryFlags extends Omit<EngineFlags, 'kubernetesVersion'> {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly image?: string;
  readonly server: string;
  readonly socketPath?: string;
}

const examples = `
Examples:
  svidecar render admin-entry --config svidecar.yaml --image registry.example/svidecar/webhook@sha256:...
  svidecar render admin-entry --server 'kubectl exec -n spire spire-server-0 -- /opt/spire/bin/spire-server' | sh

Whoever has this identity may write every entry of the trust domain: docs/threat-model.md. Its selectors name svidecar's namespace,
ServiceAccount and container; with --image only that image gets it, and each new version needs the entry renewed.`;

export function adminEntryCommand(context: CliContext): Command {
  const command = new Command('admin-entry')
    .summary("what lets svidecar's controller write entries")
    .description(
      "Print the `spire-server entry create` command that makes svidecar's controller an administrator of SPIRE's server,\nwhich registration: entries needs where it does not reach the server's Unix socket.",
    )
    .option('-n, --namespace <name>', "svidecar's own namespace", 'svidecar')
    .option('--service-account <name>', "svidecar's own ServiceAccount", 'svidecar')
    .option('--image <reference>', "the webhook's image selects too")
    .option('--server <command>', "what runs SPIRE's server command line", 'spire-server')
    .option('--socket-path <path>', "of the server's socket, where it is not the usual one");
  return addConfigFlag(command)
    .addHelpText('after', examples)
    .action((flags: AdminEntryFlags) => {
      refuseWrongNames(flags);
      const { config } = engineFrom({ ...flags, kubernetesVersion: defaultKubernetes }, context);
      const { trustDomain, entries } = config;
      const { parentId = usualAgentId(trustDomain) } = entries;
      context.terminal.out(
        commandFor(adminEntry(flags, { trustDomain, parentId }), {
          program: flags.server,
          isAdmin: true,
          ...(flags.socketPath === undefined ? {} : { socketPath: flags.socketPath }),
        }),
      );
    });
}

/** @see Kubernetes names of namespaces (DNS label) and ServiceAccounts (DNS subdomain) @throws {AppError} USAGE */
function refuseWrongNames({ namespace, serviceAccount, image }: AdminEntryFlags): void {
  const wrong = [
    ...(dnsLabel.test(namespace) ? [] : [`--namespace ${namespace}: no namespace has that name`]),
    ...(dnsSubdomain.test(serviceAccount)
      ? []
      : [`--service-account ${serviceAccount}: no ServiceAccount has that name`]),
    ...(image === undefined || isImageReference(image)
      ? []
      : [
          `--image ${image}: write it as registry.example/svidecar/webhook:0.2.0, or with @sha256:...`,
        ]),
  ];
  if (wrong.length > 0) throw new AppError('USAGE', wrong.join('; '));
}

function adminEntry(
  { namespace, serviceAccount, image }: AdminEntryFlags,
  { trustDomain, parentId }: { readonly trustDomain: string; readonly parentId: string },
): EntryContent {
  return {
    // Apart from the identity that the same pods may have for TLS.
    spiffeId: parseSpiffeId(
      `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}/registrations`,
    ),
    parentId,
    selectors: [
      `k8s:ns:${namespace}`,
      `k8s:sa:${serviceAccount}`,
      'k8s:container-name:webhook',
      ...(image === undefined ? [] : [imageSelector(image)]),
    ],
    dnsNames: [],
    federatesWith: [],
    hint: 'svidecar-admin',
    x509SvidTtlS: 0,
    jwtSvidTtlS: 0,
    isPrefetched: true,
  };
}
