/** `svidecar uninject`: the exact inverse of `svidecar inject`. */
import { printable } from '#kernel/text.ts';
import { Command } from 'commander';
import { asList } from '../../manifests/as-list.ts';
import { addNamespaceFlag, defaultNamespace, outputOption } from '../options.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import { exitCodeOfProblems, reportProblems } from '../reports.ts';
import type { CliContext } from '../terminal.ts';
import { uninjectTexts } from '../../manifests/uninject-texts.ts';

interface UninjectFlags {
  readonly namespace?: string;
  readonly output?: 'yaml' | 'json';
  readonly quiet?: true;
}

const examples = `
Examples:
  svidecar uninject injected.yaml > shop.yaml
  kubectl get deployment frontend -o yaml | svidecar uninject -

The annotations that ask for injection stay: in a namespace labelled svidecar.dev/injection the webhook injects
again. To opt out there, annotate the pod template with svidecar.dev/inject: "false".`;

export function uninjectCommand(context: CliContext): Command {
  const command = addPaths(
    new Command('uninject')
      .summary('take out what inject has added, byte for byte')
      .description(
        'Take out what inject has added: the result is what inject was given, byte for byte.',
      )
      .addOption(
        outputOption(['yaml', 'json'], 'yaml keeps the text as it is; json prints one List'),
      )
      .option('-q, --quiet', 'only failures on standard error'),
    'files or folders; - or nothing reads standard input',
  );
  return addNamespaceFlag(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: UninjectFlags) => {
      const { terminal } = context;
      const sources = readInputs(paths, { terminal, command: 'uninject' });
      const result = uninjectTexts(sources, flags.namespace ?? defaultNamespace);
      terminal.out(flags.output === 'json' ? asList(result.text) : result.text);
      if (flags.quiet !== true) {
        for (const { file, line, name, templates } of result.workloads) {
          terminal.err(
            `${printable(`${file}:${line}: ${name}: took out ${templates.join(', ')}`)}\n`,
          );
        }
        // What could not be read may well be injected.
        if (result.workloads.length + result.problems.length === 0)
          terminal.err('nothing to do: nothing is injected\n');
      }
      reportProblems(result.problems, terminal);
      context.exit(exitCodeOfProblems(result.problems));
    });
}
