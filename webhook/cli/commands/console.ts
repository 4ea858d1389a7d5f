/** `svidecar console`: the cluster in a browser, for the person who runs it. */
import { once } from 'node:events';
import { Command } from 'commander';
import {
  addClusterFlags,
  connectQuietly,
  engineSource,
  type ClusterFlags,
} from '../cluster-flags.ts';
import { parseDuration } from '../duration.ts';
import { openInBrowser } from '../open-in-browser.ts';
import { addClusterConfigFlag, checkNamespace } from '../options.ts';
import { parsePort } from '../port.ts';
import { painter } from '../reports.ts';
import { addSpireFlags, spireFacts, type SpireFlags } from '../spire-flags.ts';
import type { CliContext } from '../terminal.ts';

interface ConsoleFlags extends ClusterFlags, SpireFlags {
  readonly namespace?: string;
  readonly config?: string;
  readonly port: string;
  readonly open: boolean;
}

/** Milliseconds for the first word of the API server. */
const firstMs = 15_000;

const examples = `
Examples:
  svidecar console                             the cluster of kubectl's current context
  svidecar console --context prod -n shop      one namespace of another one, for whoever may read no more
  svidecar console --spire-server /run/spire-server/api.sock      registrations too

It reads with your own rights, and listens on 127.0.0.1 alone. The address that it prints works once. What can be
changed from the page is what the command line can do, and each change shows its command first. docs/console.md`;

export function consoleCommand(context: CliContext): Command {
  const command = new Command('console')
    .summary('see in a browser what is injected, and why')
    .description(
      'Show in a browser, live, which workloads are injected, why, and what their helpers have in hand.',
    )
    .option('-n, --namespace <name>', 'one namespace (default: all)')
    .option('--port <number>', 'on 127.0.0.1; 0 chooses a free one', '0')
    .option('--no-open', 'only print the address');
  return addSpireFlags(addClusterConfigFlag(addClusterFlags(command, 'the cluster')))
    .addHelpText('after', examples)
    .action((flags: ConsoleFlags) => run(flags, context));
}

async function run(flags: ConsoleFlags, context: CliContext): Promise<void> {
  const { terminal, installation } = context;
  const port = parsePort(flags.port);
  checkNamespace(flags.namespace);
  const page = installation.page('console');
  const api = await connectQuietly(flags, installation);
  const engines = engineSource(flags.config, context);
  // Whoever cannot be asked at all is better told of here than on a page.
  const { askVersion } = await import('../../survey/ask-api-server.ts');
  const version = await askVersion(api, AbortSignal.timeout(firstMs));
  const { checkNamespaceIsThere } = await import('../../survey/namespace-there.ts');
  await checkNamespaceIsThere(api, flags.namespace);
  if (engines.isGiven) engines.make(version.kind === 'known' ? version.value.minor : 0, undefined);
  const spire = await spireOnce(flags, context);
  const interrupted = terminal.untilInterrupted();
  // Loaded when called: other commands need neither the server nor the watches.
  const { serveConsole } = await import('../../console-server/serve-console.ts');
  const serving = await serveConsole({
    api,
    engines,
    page,
    port,
    spire,
    namespace: flags.namespace,
    contextName: api.contextName,
    configFile: flags.config,
    target: { context: api.contextName, kubeconfig: flags.kubeconfig },
    version: installation.version,
    clock: terminal,
    durationS: parseDuration,
  });
  const paint = painter(terminal);
  terminal.out(`${paint('bold', serving.address)}\n`);
  terminal.err(`${api.url}; the address works once, and Ctrl-C ends it\n`);
  const forget = flags.open && terminal.isInteractive ? openInBrowser(serving.address) : undefined;
  if (!interrupted.aborted) await once(interrupted, 'abort');
  forget?.();
  await serving.stop();
}

/** What was given as a text is read once: standard input has no second time. SPIRE's server is asked again each time. */
async function spireOnce(flags: ConsoleFlags, context: CliContext) {
  const first = await spireFacts(flags, context);
  const isServer = flags.spireServer !== undefined;
  return () => (isServer ? spireFacts(flags, context) : Promise.resolve(first));
}
