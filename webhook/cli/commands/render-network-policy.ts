/** `svidecar render network-policy`: what keeps everybody on the way through an injected Envoy. */
import { Command } from 'commander';
import { yamlOf } from '../../manifests/appended-documents.ts';
import { readManifest } from '../../manifests/manifest.ts';
import { networkPoliciesFor } from '../../manifests/network-policies.ts';
import { exitCodeOfProblems, reportProblems } from '../reports.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from '../options.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import type { CliContext } from '../terminal.ts';

const examples = `
Examples:
  svidecar render network-policy shop.yaml | kubectl apply -f -

Only the ports of svidecar.dev/inbound stay open, and those for probes and metrics (9012, with an auth helper 9011). Networks let
the kubelet's own probes of the app pass; without a network plug-in that knows policies, a policy does nothing.`;

export function networkPolicyCommand(context: CliContext): Command {
  const command = addPaths(
    new Command('network-policy')
      .summary('what shuts the way past an injected Envoy')
      .description(
        'Print a NetworkPolicy for each workload with the template envoy, and tell of Services that lead past its Envoy.',
      ),
    'files or folders; - or nothing reads standard input',
  );
  return addEngineFlags(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: EngineFlags) => {
      const { terminal } = context;
      const documents = readInputs(paths, { terminal, command: 'render network-policy' }).flatMap(
        readManifest,
      );
      const { policies, warnings, problems } = networkPoliciesFor(
        documents,
        decideOptions(flags, context),
      );
      terminal.out(policies.map((policy) => `---\n${yamlOf(policy)}`).join(''));
      for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
      reportProblems(problems, terminal);
      context.exit(exitCodeOfProblems(problems));
    });
}
