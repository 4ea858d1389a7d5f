/** `svidecar render entries`: the registration entries that injected workloads need in SPIRE. */
import { Command, Option } from 'commander';
import { decideAll, type DecideOptions, type DecidedWorkload } from '../../manifests/decide-all.ts';
import { readManifest } from '../../manifests/manifest.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from '../options.ts';
import { readInputs } from '../read-inputs.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { reportProblems } from '../reports.ts';
import { refusals } from '../../manifests/inject-texts.ts';
import { commandFor, objectFor, type Registration } from '../../identity/registration.ts';
import { registrationsOf } from '../../identity/registrations-of.ts';
import { yamlOf } from '../../manifests/appended-documents.ts';
import type { CliContext } from '../terminal.ts';

interface EntriesFlags extends EngineFlags {
  readonly as: 'commands' | 'objects';
  readonly parentId?: string;
  readonly podLabel: readonly string[];
  readonly container: readonly string[];
}

const examples = `
Examples:
  svidecar render entries shop.yaml
  svidecar render entries manifests/ --pod-label app --container envoy
  svidecar render entries shop.yaml | sed 's,^spire-server,kubectl exec -n spire spire-server-0 -- /opt/spire/bin/&,' | sh
  svidecar render entries shop.yaml --as objects | kubectl apply -f -

The selectors name the auth helper's container, so that no other container of the pod can ask for its tokens.
Where Envoy gets its own X.509-SVID from SPIRE, --container envoy prints the entry for that too.
The annotation spiffe.io/federatesWith of a pod template ("other.org, third.org") becomes the entry's federatesWith.`;

export function entriesCommand(context: CliContext): Command {
  const command = new Command('entries')
    .summary('what registers the helpers in SPIRE')
    .description(
      'Print the `spire-server entry create` commands that register the helpers of annotated workloads, or the\nClusterSPIFFEID objects of which spire-controller-manager makes the entries.',
    )
    .argument('[paths...]', 'files or folders; - or nothing reads standard input')
    .addOption(
      new Option('--as <form>', 'commands, or ClusterSPIFFEID objects')
        .choices(['commands', 'objects'])
        .default('commands'),
    )
    .option(
      '--parent-id <spiffe-id>',
      "of commands: the agents' SPIFFE ID (default: spiffe://<trust domain>/ns/spire/sa/spire-agent)",
    )
    .option('--pod-label <key...>', "also select by these of the pods' labels", [])
    .option(
      '--container <name...>',
      'entries for these containers too, where a workload has them',
      [],
    );
  return addEngineFlags(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: EntriesFlags) => {
      const { terminal } = context;
      const options = decideOptions(flags, context);
      const documents = readInputs(paths, terminal).flatMap(readManifest);
      const outcomes = decideAll(documents, options);
      const faults = documents.flatMap(({ fault }) =>
        fault === undefined ? [] : [{ error: fault }],
      );
      const problems = [...faults, ...refusals(outcomes)];
      terminal.out(textsOf(outcomes, flags, options).join(flags.as === 'objects' ? '' : '\n'));
      reportProblems(problems, terminal);
      context.exit(exitCodeOfAll(problems.map(({ error }) => error.code)));
    });
}

/** One for each identity and container, each once. */
function textsOf(
  outcomes: readonly DecidedWorkload[],
  flags: EntriesFlags,
  { engine }: DecideOptions,
): readonly string[] {
  const textOf = flags.as === 'objects' ? objectText : commandFor;
  const texts = outcomes.flatMap(({ decision, located }) => {
    if (decision.kind === 'refused') return [];
    const hasHelper = 'status' in decision && decision.status.helper !== undefined;
    return registrationsOf(located, {
      facts: engine,
      hasHelper,
      ...(flags.parentId === undefined ? {} : { parentId: flags.parentId }),
      podLabels: flags.podLabel,
      containers: flags.container,
    }).map(textOf);
  });
  return [...new Set(texts)];
}

function objectText(registration: Registration): string {
  return `---\n${yamlOf(objectFor(registration))}`;
}
