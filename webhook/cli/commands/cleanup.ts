/** `svidecar cleanup`: takes out of SPIRE what svidecar has put there, and nothing else. */
import { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { namespaceOfEntry } from '../../identity/entry-name.ts';
import type { SpireEntry } from '../../identity/spire-entry.ts';
import type { SpireServerApi } from '../../spire/spire-server-api.ts';
import { exitCodes } from '../exit-codes.ts';
import { addConfigFlag, defaultKubernetes, engineFrom } from '../options.ts';
import type { CliContext } from '../terminal.ts';

interface CleanupFlags {
  readonly config?: string;
  readonly spireServer?: string;
  readonly workloadApi?: string;
  readonly yes?: true;
}

const batchSize = 200;

const examples = `
Before: set registration: none in svidecar's configuration, or uninstall it; else its controller makes the entries anew.

Examples:
  svidecar cleanup --spire-server unix:///tmp/spire-server/private/api.sock
  svidecar cleanup --config svidecar.yaml --yes
  kubectl exec -n svidecar deploy/svidecar -- \\
    /usr/local/bin/runtime /opt/svidecar/webhook/main.mjs cleanup --config /etc/svidecar/config.yaml --yes

An entry is svidecar's if its name is svidecar.<namespace>.<hash>, with entries.cluster set svidecar-<cluster>.<namespace>.<hash>.
Others stay, the one that makes svidecar an administrator too: spire-server entry delete takes that.`;

export function cleanupCommand(context: CliContext): Command {
  const command = new Command('cleanup')
    .summary("take svidecar's entries out of SPIRE")
    .description(
      'List the entries that svidecar has made in SPIRE, and with --yes delete them. Those of others are never touched.',
    )
    .option(
      '--spire-server <address>',
      "SPIRE's server API (default: spire.server of the configuration)",
    )
    .option(
      '--workload-api <address>',
      'where the admin X.509-SVID comes from (default: spire.workloadApi of the configuration)',
    )
    .option('--yes', 'delete them');
  return addConfigFlag(command)
    .addHelpText('after', examples)
    .action(async (flags: CleanupFlags) => {
      const { config } = engineFrom({ ...flags, kubernetesVersion: defaultKubernetes }, context);
      if (flags.yes === true && config.registration === 'entries') {
        throw new AppError(
          'USAGE',
          'the configuration says registration: entries, so the controller would make again what is deleted; set registration: none first, and wait until svidecar has read it',
        );
      }
      const { openSpireServer } = await import('../../spire/open-spire-server.ts');
      const api = openSpireServer({
        address: flags.spireServer ?? config.spire.server,
        workloadApi: flags.workloadApi ?? config.spire.workloadApi,
      });
      try {
        const { cluster } = config.entries;
        await cleanUp(api, { cluster, isMeant: flags.yes === true, context });
      } finally {
        api.close();
      }
    });
}

async function cleanUp(
  api: SpireServerApi,
  {
    cluster,
    isMeant,
    context,
  }: { readonly cluster: string; readonly isMeant: boolean; readonly context: CliContext },
): Promise<void> {
  const { terminal, exit } = context;
  // Each call ends by itself.
  const { signal } = new AbortController();
  const all = await api.listEntries(signal);
  const ours = all.filter(({ id }) => namespaceOfEntry(cluster, id) !== undefined);
  const others = all.length - ours.length;
  if (!isMeant) {
    terminal.out(ours.map(lineOf).join(''));
    terminal.err(
      `${ours.length} entries of svidecar's in ${api.address}, ${others} of others. ${ours.length === 0 ? 'There is nothing to do' : "Delete svidecar's with --yes"}\n`,
    );
    return;
  }
  const refused = await deleteAll(api, ours, signal);
  terminal.out(`deleted ${ours.length - refused.length} entries; ${others} of others stay\n`);
  for (const each of refused) terminal.err(`${each}\n`);
  if (refused.length > 0) exit(exitCodes.refused);
}

/** @returns a sentence for each that SPIRE kept */
async function deleteAll(
  api: SpireServerApi,
  entries: readonly SpireEntry[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const refused: string[] = [];
  for (let from = 0; from < entries.length; from += batchSize) {
    const ids = entries.slice(from, from + batchSize).map(({ id }) => id);
    const results = await api.deleteEntries(ids, signal);
    for (const [index, id] of ids.entries()) {
      const result = results[index];
      if (result?.kind === 'refused')
        refused.push(`SPIRE does not delete ${id}: ${result.words} (${result.code})`);
    }
  }
  return refused;
}

function lineOf({ id, spiffeId }: SpireEntry): string {
  return `${id} ${spiffeId}\n`;
}
