/** `svidecar dev`, which `npm start` runs: the webhook at work on this machine, without a cluster. */
import { join, relative } from 'node:path';
import { Command } from 'commander';
import type { DevRun } from '../dev-run.ts';
import { showScreen } from '../dev-screen.ts';
import type { SourceText } from '../../manifests/manifest.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from '../options.ts';
import { addPaths } from '../given-paths.ts';
import { portOfFlag } from '../port.ts';
import { readInputs } from '../read-inputs.ts';
import { exitCodeOfProblems, painter, reportProblems } from '../reports.ts';
import { forEyes, type CliContext } from '../terminal.ts';

interface DevFlags extends EngineFlags {
  readonly stay?: true;
  readonly verbose?: true;
  readonly standIn?: true;
  readonly port: string;
}

const examples = `
Examples:
  npm start
  npm start -- --verbose | less -R
  svidecar dev shop.yaml
  svidecar dev --stay

Without paths the demo's manifests are shown. On a terminal, and with --stay, everything stays up until Ctrl-C, and a page
on loopback sends the requests and shows their way. Without an Envoy on this machine one is fetched, where there is a
network; a small client plays its part elsewhere.`;

export function devCommand(given: CliContext): Command {
  // Nobody reads it but people, also through a pager.
  const context = { ...given, terminal: forEyes(given.terminal) };
  const command = addPaths(
    new Command('dev')
      .summary('show svidecar at work on this machine, without a cluster')
      .description(
        'Start the real webhook on loopback with a certificate of its own, send it workloads as an API server would, and\nrun two of them with what it made of their Envoy configurations as processes. Requests that pass and requests that\nare refused are sent, and, on a page, can be sent again and followed.',
      )
      .option('--stay', 'keep everything up until Ctrl-C, also where there is no terminal')
      .option('--verbose', 'print each decision with its steps, each change, and each request')
      .option('--stand-in', 'run no Envoy, and fetch none: a small client plays its part')
      .option('--port <number>', 'port of the page on loopback; 0 takes one that is free', '0'),
    'files or folders with workloads (default: the demo)',
  );
  return addEngineFlags(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: DevFlags) => showAtWork(paths, flags, context));
}

async function showAtWork(
  paths: readonly string[],
  flags: DevFlags,
  context: CliContext,
): Promise<void> {
  const { terminal } = context;
  const port = portOfFlag('--port', flags.port);
  const sources =
    paths.length === 0 ? demoOf(context) : readInputs(paths, { terminal, command: 'dev' });
  const options = decideOptions(flags, context);
  const isStandIn = flags.standIn === true;
  // Loaded when called: other commands need neither the webhook's server nor its certificates.
  const { startDevRun } = await import('../dev-run.ts');
  const run = await startDevRun({ sources, options, isStandIn }, context);
  try {
    reportProblems(run.faults, terminal);
    context.exit(exitCodeOfProblems(run.faults));
    const { showAll } = await import('../dev-verbose.ts');
    if (flags.verbose === true) await showAll(run, options, terminal);
    else await showScreen(run, context);
    const isStaying = terminal.isInteractive || flags.stay === true;
    if (isStaying) await stay(run, port, context);
    else if (flags.verbose !== true) terminal.out('More: --verbose, or --stay for the page.\n');
  } finally {
    await run.stop();
  }
}

/** The demo's manifests, named as they are in the repository. */
function demoOf({ installation, terminal }: CliContext): readonly SourceText[] {
  const root = join(installation.demo, '../..');
  return readInputs([installation.demo], { terminal, command: 'dev' }).map(({ name, text }) => ({
    name: relative(root, name),
    text,
  }));
}

async function stay(run: DevRun, port: number, context: CliContext): Promise<void> {
  const { terminal } = context;
  const signal = terminal.untilInterrupted();
  const { startDevPage } = await import('../dev-page.ts');
  const page = await startDevPage(run, port, context);
  try {
    const paint = painter(terminal);
    const rows = [
      ['page', page.url, 'buttons send these requests and show their way'],
      ['workbench', `${page.url}workbench`, 'what would become of your manifests'],
      ['webhook', `${run.webhook.url}/mutate`, 'also /healthz and /metrics'],
    ] as const;
    const width = Math.max(...rows.map(([, url]) => url.length));
    for (const [what, url, words] of rows)
      terminal.out(`  ${what.padEnd(9)}  ${paint('bold', url.padEnd(width))}  ${words}\n`);
    terminal.out('\nCtrl-C ends it. More: --verbose\n');
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
  } finally {
    await page.stop();
  }
}
