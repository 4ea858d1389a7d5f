/** `svidecar render entries`: the registration entries that injected workloads need in SPIRE. */
import { Command, Option } from 'commander';
import { isObject, listAt, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { parseTrustDomain } from '#kernel/spiffe-id.ts';
import { helperContainer } from '../../sidecar/config/contract.ts';
import { readRequest } from '../request/read-annotations.ts';
import { variablesFor } from '../request/variables.ts';
import { decideAll, type DecideOptions, type DecidedWorkload } from '../manifests/decide-all.ts';
import { readManifest } from '../manifests/manifest.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from './options.ts';
import { readInputs } from './read-inputs.ts';
import { exitCodeOfAll } from './exit-codes.ts';
import { reportProblems } from './reports.ts';
import { refusals } from '../manifests/inject-texts.ts';
import { commandFor, objectFor, type Registration } from './registrations.ts';
import type { CliContext } from './terminal.ts';

/** On the pod template: with which trust domains the workload federates. */
const federatesWithKey = 'spiffe.io/federatesWith';

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
      terminal.out(
        registrationsOf(outcomes, flags, options).join(flags.as === 'objects' ? '' : '\n'),
      );
      reportProblems(problems, terminal);
      context.exit(exitCodeOfAll(problems.map(({ error }) => error.code)));
    });
}

/** One for each identity and container, each once. */
function registrationsOf(
  outcomes: readonly DecidedWorkload[],
  flags: EntriesFlags,
  options: DecideOptions,
): readonly string[] {
  const textOf = flags.as === 'objects' ? objectFor : commandFor;
  const texts = outcomes.flatMap((outcome) => {
    const containers = containersOf(outcome, flags);
    if (containers.length === 0) return [];
    const identity = identityOf(outcome, flags, options);
    return containers.map((container) => textOf({ ...identity, container }));
  });
  return [...new Set(texts)];
}

/** The helper where there is one, and those of the named containers that the pod has. */
function containersOf(
  { decision, located }: DecidedWorkload,
  flags: EntriesFlags,
): readonly string[] {
  if (decision.kind === 'refused') return [];
  const spec = objectAt(located.template, 'spec');
  const present = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')].map((each) =>
    isObject(each) ? each['name'] : '',
  );
  const hasHelper = 'status' in decision && decision.status.helper !== undefined;
  const others = flags.container.filter((name) => present.includes(name));
  return hasHelper ? [helperContainer, ...others] : others;
}

function identityOf(
  { located }: DecidedWorkload,
  flags: EntriesFlags,
  { engine }: DecideOptions,
): Omit<Registration, 'container'> {
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
    namespace,
    workload: located.name,
    selectors: [`k8s:ns:${namespace}`, `k8s:sa:${text('serviceAccount')}`, ...chosen],
    labels: Object.fromEntries(
      Object.keys(labels).map((key) => [key, stringAt(labels, key) ?? '']),
    ),
    federatesWith: federatesWith(template),
  };
}

/** As SPIRE's former Kubernetes registrar read it: names of trust domains, separated by commas. @throws {AppError} SPIFFE_ID_INVALID */
function federatesWith(template: JsonObject): readonly string[] {
  const annotations = objectAt(objectAt(template, 'metadata'), 'annotations');
  const names = (stringAt(annotations, federatesWithKey) ?? '').split(',');
  return names
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => parseTrustDomain(each));
}
