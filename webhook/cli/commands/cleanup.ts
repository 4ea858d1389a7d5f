/** `svidecar cleanup`: takes away what svidecar has made in SPIRE and in the cluster, and nothing else. */
import { Command } from 'commander';
import type { CleanUpSite } from '../../controller/cleanup/clean-up.ts';
import {
  configInForce,
  readCluster,
  refuseWhileMade,
  type CleanUpInputs,
} from '../cleanup-inputs.ts';
import { foundText, summaryOf, takenText, unseenSentences } from '../cleanup-report.ts';
import { addClusterFlags } from '../cluster-flags.ts';
import { exitCodes } from '../exit-codes.ts';
import { addSpireServerFlags, openSpire, type SpireServerFlags } from '../spire-flags.ts';
import { parseRevision } from '../revision-flag.ts';
import type { CliContext } from '../terminal.ts';

interface CleanupFlags extends SpireServerFlags, CleanUpInputs {
  readonly yes?: true;
}

const examples = `
Before: set registration: none and federation: [] in svidecar's configuration, or stop it; else its controller makes
everything anew. Delete its manifests after: which relationships are svidecar's stands in its namespace.

Examples:
  svidecar cleanup --spire-server unix:///tmp/spire-server/private/api.sock
  svidecar cleanup --config svidecar.yaml --yes
  kubectl exec -n svidecar deploy/svidecar -- \\
    /usr/local/bin/runtime /opt/svidecar/webhook/main.mjs cleanup --config /etc/svidecar/config.yaml --yes

SPIRE's server is that of the configuration where --spire-server is not given; the cluster is that of the kubeconfig.
What cannot be reached is not looked at, which is said, and the rest is done.

An entry is svidecar's if its name is svidecar.<namespace>.<hash>, with entries.cluster set svidecar-<cluster>.<namespace>.<hash>;
a relationship if the Lease svidecar-registrations records it; a ClusterSPIFFEID or an EnvoyFilter if it has a name and the
label of svidecar's. An EnvoyFilter that a workload or a pod needs stays: without it requests would pass unchecked.
Others stay, the entry that makes svidecar an administrator too: spire-server entry delete takes that.
Exit code: 0 all was looked at, and with --yes is gone · 1 something stays · 3 something was not looked at.`;

export function cleanupCommand(context: CliContext): Command {
  const command = new Command('cleanup')
    .summary('take what svidecar has made out of SPIRE and the cluster')
    .description(
      'List the entries and federation relationships that svidecar has made in SPIRE, its ClusterSPIFFEID objects and EnvoyFilters, and with --yes delete them. Those of others are never touched.',
    )
    .option('-n, --namespace <name>', "svidecar's own namespace", 'svidecar')
    .option(
      '-c, --config <file>',
      "the injector's configuration (default: the cluster's, else built-in defaults)",
    )
    .option(
      '--revision <name>',
      'whose configuration that is, where several injectors are there: the default one',
      parseRevision,
    )
    .option('--yes', 'delete them');
  return addClusterFlags(
    addSpireServerFlags(command),
    'for relationships, objects and EnvoyFilters',
  )
    .addHelpText('after', examples)
    .action(async (flags: CleanupFlags) => {
      const { signal } = new AbortController();
      const connected = await readCluster(flags, context);
      const { config, cluster } = await configInForce(flags, { connected, context, signal });
      if (flags.yes === true) refuseWhileMade(config);
      const spire = await openSpire(flags, config.spire);
      try {
        const { namespace } = flags;
        const clusterName = config.entries.cluster;
        await cleanUp({ spire, cluster, namespace, clusterName, signal }, flags, context);
      } finally {
        spire.close();
      }
    });
}

async function cleanUp(
  site: CleanUpSite,
  { yes }: CleanupFlags,
  { terminal, exit }: CliContext,
): Promise<void> {
  const { findOurs, takeAway } = await import('../../controller/cleanup/clean-up.ts');
  const ours = await findOurs(site);
  const unseen = unseenSentences(ours, site.namespace);
  for (const each of unseen) terminal.err(`${each}\n`);
  let code: number = unseen.length > 0 ? exitCodes.unreachable : exitCodes.ok;
  if (yes === true) {
    const taken = await takeAway(ours, site);
    terminal.out(takenText(ours, taken));
    for (const each of taken.stays) terminal.err(`${each}\n`);
    if (taken.stays.length > 0) code = exitCodes.refused;
  } else {
    terminal.out(foundText(ours));
    terminal.err(summaryOf(ours));
  }
  exit(code);
}
