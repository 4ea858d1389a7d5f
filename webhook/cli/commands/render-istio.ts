/** `svidecar render istio`: what makes Istio ask the helpers, without a filter of ours in its Envoys. */
import { Command } from 'commander';
import { AppError } from '#kernel/errors.ts';
import { dnsLabel } from '#kernel/dns-label.ts';
import { yamlOf } from '../../manifests/appended-documents.ts';
import { extensionProvider, istioPoliciesFor } from '../../manifests/istio-policies.ts';
import { readManifest } from '../../manifests/manifest.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from '../options.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import { exitCodeOfProblems, reportProblems } from '../reports.ts';
import type { CliContext } from '../terminal.ts';

interface IstioFlags extends EngineFlags {
  readonly meshConfig?: boolean;
  readonly istioNamespace: string;
}

const examples = `
Examples:
  svidecar render istio --mesh-config > provider.yaml && helm upgrade istiod istio/istiod -n istio-system --reuse-values -f provider.yaml
  svidecar render istio shop.yaml | kubectl apply -f -

The provider first: a policy whose provider is not there refuses every request. Helm replaces lists: where your mesh has
extensionProviders already, put ours among them by hand. What is not HTTP is refused as well: it has no token.`;

export function istioCommand(context: CliContext): Command {
  const command = addPaths(
    new Command('istio')
      .summary("what makes Istio ask the helpers, by Istio's own API")
      .description(
        "Print an AuthorizationPolicy (CUSTOM) for each workload with the template istio-validate, and the ServiceEntry\nby which Istio's proxies find the helper beside them; or the extension provider that those name.",
      )
      .option(
        '--mesh-config',
        "print the extension provider, as values of Istio's chart; reads no files",
      )
      .option('--istio-namespace <name>', "Istio's root namespace", 'istio-system'),
    'files or folders; - or nothing reads standard input',
  );
  return addEngineFlags(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: IstioFlags) => {
      const { terminal } = context;
      const { istioNamespace } = flags;
      if (!dnsLabel.test(istioNamespace))
        throw new AppError(
          'USAGE',
          `--istio-namespace ${istioNamespace}: no namespace has that name`,
        );
      if (flags.meshConfig === true) {
        terminal.out(yamlOf(extensionProvider(istioNamespace)));
        return;
      }
      const sources = readInputs(paths, { terminal, command: 'render istio' });
      const documents = sources.flatMap(readManifest);
      const { objects, warnings, problems } = istioPoliciesFor(documents, {
        ...decideOptions(flags, context),
        istioNamespace,
      });
      terminal.out(objects.map((object) => `---\n${yamlOf(object)}`).join(''));
      for (const warning of warnings) terminal.err(`warning: ${warning}\n`);
      reportProblems(problems, terminal);
      context.exit(exitCodeOfProblems(problems));
    });
}
