/** `svidecar render entries`: the registration entries that injected workloads need in SPIRE. */
import { Command } from 'commander';
import { isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import { helperContainer } from '../../sidecar/config/contract.ts';
import { readRequest } from '../injection/annotations.ts';
import { variablesFor } from '../injection/variables.ts';
import { decideAll, type DecideOptions, type Outcome } from './decide-all.ts';
import { readManifest } from './manifest.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from './options.ts';
import { readInputs } from './read-inputs.ts';
import { exitCodeOfAll } from './exit-codes.ts';
import { reportProblems } from './reports.ts';
import { refusals } from './inject-texts.ts';
import type { CliContext } from './terminal.ts';

interface EntriesFlags extends EngineFlags {
  readonly parentId?: string;
  readonly podLabel: readonly string[];
  readonly container: readonly string[];
}

const examples = `
Examples:
  svidecar render entries shop.yaml
  svidecar render entries manifests/ --pod-label app --container envoy
  svidecar render entries shop.yaml | sed 's,^spire-server,kubectl exec -n spire spire-server-0 -- &,' | sh

The selectors name the auth helper's container, so that no other container of the pod can ask for its tokens.
Where Envoy gets its own X.509-SVID from SPIRE, --container envoy prints the entry for that too.`;

export function entriesCommand(context: CliContext): Command {
  const command = new Command('entries')
    .summary('spire-server commands that register the helpers')
    .description(
      'Print the `spire-server entry create` commands that register the helpers of annotated workloads.',
    )
    .argument('[paths...]', 'files or folders; - or nothing reads standard input')
    .option(
      '--parent-id <spiffe-id>',
      "the agents' SPIFFE ID (default: spiffe://<trust domain>/ns/spire/sa/spire-agent)",
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
      terminal.out(entryCommands(outcomes, flags, options).join('\n'));
      reportProblems(problems, terminal);
      context.exit(exitCodeOfAll(problems.map(({ error }) => error.code)));
    });
}

/** One command for each identity and container, each once. */
function entryCommands(
  outcomes: readonly Outcome[],
  flags: EntriesFlags,
  options: DecideOptions,
): readonly string[] {
  const commands = outcomes.flatMap((outcome) => {
    const containers = containersOf(outcome, flags);
    if (containers.length === 0) return [];
    const identity = identityOf(outcome, flags, options);
    return containers.map((name) => commandFor(identity, name));
  });
  return [...new Set(commands)];
}

/** The helper where there is one, and those of the named containers that the pod has. */
function containersOf({ decision, located }: Outcome, flags: EntriesFlags): readonly string[] {
  if (decision.kind === 'refused') return [];
  const spec = objectAt(located.template, 'spec');
  const present = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')].map((each) =>
    isObject(each) ? each['name'] : '',
  );
  const hasHelper = 'status' in decision && decision.status.helper !== undefined;
  const others = flags.container.filter((name) => present.includes(name));
  return hasHelper ? [helperContainer, ...others] : others;
}

interface Identity {
  readonly spiffeId: string;
  readonly parentId: string;
  readonly selectors: readonly string[];
}

function identityOf(
  { located }: Outcome,
  flags: EntriesFlags,
  { engine }: DecideOptions,
): Identity {
  const { template, namespace } = located;
  const request = readRequest(template);
  const settings = request.kind === 'templates' ? request.settings : {};
  const variables = variablesFor(located, settings, engine);
  const text = (name: string): string => stringAt(variables, name) ?? '';
  const labels = objectAt(objectAt(template, 'metadata'), 'labels');
  const chosen = flags.podLabel.flatMap((key) => {
    const value = stringAt(labels, key);
    return value === undefined ? [] : [`k8s:pod-label:${key}:${value}`];
  });
  return {
    spiffeId: text('spiffeId'),
    parentId: flags.parentId ?? `spiffe://${text('trustDomain')}/ns/spire/sa/spire-agent`,
    selectors: [`k8s:ns:${namespace}`, `k8s:sa:${text('serviceAccount')}`, ...chosen],
  };
}

/** @see spire-server entry create, k8s workload attestor selectors */
function commandFor({ spiffeId, parentId, selectors }: Identity, container: string): string {
  const words = [
    ['-spiffeID', spiffeId],
    ['-parentID', parentId],
    ...[...selectors, `k8s:container-name:${container}`].map((each) => ['-selector', each]),
  ];
  const lines = words.map(([flag = '', value = '']) => `  ${flag} ${quoted(value)}`);
  return `spire-server entry create \\\n${lines.join(' \\\n')}\n`;
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
