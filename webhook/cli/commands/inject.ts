/** `svidecar inject`: manifests in, manifests with their auth helper out. */
import { Command } from 'commander';
import { isObject } from '#kernel/json.ts';
import { injectTexts, type InjectedTexts } from '../../manifests/inject-texts.ts';
import { namespaceIn } from '../../objects/namespace-in.ts';
import {
  addEngineFlags,
  decideOptions,
  defaultNamespace,
  outputOption,
  type EngineFlags,
} from '../options.ts';
import {
  addBareFileFlags,
  injectBareFile,
  requireBareFile,
  type BareFileFlags,
} from '../inject-bare-file.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import { exitCodeOfProblems, reportOutcomes, reportProblems, reportForeign } from '../reports.ts';
import { addRevisionFlag } from '../revision-flag.ts';
import type { CliContext, Terminal } from '../terminal.ts';
import { asList } from '../../manifests/as-list.ts';

interface InjectFlags extends EngineFlags, BareFileFlags {
  readonly output?: 'yaml' | 'json';
  readonly quiet?: true;
}

const examples = `
Examples:
  svidecar inject shop.yaml | kubectl apply -f -
  svidecar inject manifests/ > injected.yaml
  kustomize build . | svidecar inject -n shop | kubectl apply -f -
  svidecar inject -o json shop.yaml | jq '.items[].kind'
  svidecar inject --envoy-file envoy.yaml --annotation inject.svidecar.dev/templates=jwt-validate \\
    svidecar.dev/spiffe-id=spiffe://example.org/shop > with-filter.yaml

What asks for injection is the annotation on the pod template:
  inject.svidecar.dev/templates: jwt-inject     with  svidecar.dev/audience: <who the tokens are for>
  inject.svidecar.dev/templates: jwt-validate

Everything else, comments and order included, comes out as it went in, byte for byte. The ConfigMaps that the
cluster would hold follow as further documents. A document that is refused is left out of the output and told
of on standard error; the others are printed. Exit code: 0, or 1 when something was refused.`;

export function injectCommand(context: CliContext): Command {
  const command = addPaths(
    new Command('inject')
      .summary('add the auth helper to annotated workloads in manifests')
      .description(
        'Add the auth helper to the annotated workloads in manifests, and print the result.',
      )
      .addOption(
        outputOption(['yaml', 'json'], 'yaml keeps the text as it is; json prints one List'),
      )
      .option('-q, --quiet', 'only failures on standard error'),
    'files or folders; - or nothing reads standard input',
  );
  return addBareFileFlags(addRevisionFlag(addEngineFlags(command)))
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: InjectFlags) => {
      const { terminal } = context;
      if (flags.envoyFile !== undefined) {
        injectBareFile(flags.envoyFile, { paths, flags }, context);
        return;
      }
      requireBareFile(flags);
      const sources = readInputs(paths, { terminal, command: 'inject' });
      const injection = injectTexts(sources, decideOptions(flags, context));
      terminal.out(flags.output === 'json' ? asList(injection.text) : injection.text);
      if (flags.quiet !== true) tell(injection, flags, terminal);
      reportProblems(injection.problems, terminal);
      context.exit(exitCodeOfProblems(injection.problems));
    });
}

function tell(injection: InjectedTexts, flags: InjectFlags, terminal: Terminal): void {
  reportOutcomes(injection.outcomes, terminal);
  reportForeign(injection.foreign, terminal);
  const asked = injection.outcomes.filter(
    ({ decision }) => decision.kind !== 'skipped' || decision.reason !== 'not_requested',
  );
  // What could not be read may well have asked.
  if (asked.length === 0 && injection.foreign.length + injection.problems.length > 0) return;
  if (asked.length === 0) {
    terminal.err(
      'nothing to do: no pod template carries the annotation inject.svidecar.dev/templates\n',
    );
  } else if (flags.namespace === undefined && asked.some(isWithoutNamespace)) {
    terminal.err(
      `note: some workloads name no namespace and "${defaultNamespace}" was assumed, which their SPIFFE IDs contain; say another with --namespace\n`,
    );
  }
}

function isWithoutNamespace({ object }: InjectedTexts['outcomes'][number]): boolean {
  const metadata = object.value['metadata'];
  return isObject(metadata) && namespaceIn(metadata) === undefined;
}
