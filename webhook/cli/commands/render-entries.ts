/** `svidecar render entries`: the registration entries that injected workloads need in SPIRE. */
import { Command } from 'commander';
import { jsonText } from '#kernel/text.ts';
import {
  clusterSpiffeId,
  clusterStaticEntry,
  staticAlias,
} from '../../identity/controller-forms.ts';
import { nodeAlias, type EntryContent, type Registration } from '../../identity/registration.ts';
import { commandFor, entriesDocument } from '../../identity/server-forms.ts';
import { yamlOf } from '../../manifests/appended-documents.ts';
import { foreignAmong } from '../../manifests/foreign-objects.ts';
import { readManifest } from '../../manifests/manifest.ts';
import { registrationsIn } from '../../manifests/registrations-in.ts';
import { addEntriesFlags, entriesOptions, type EntriesFlags } from '../entries-flags.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { decideOptions } from '../options.ts';
import { readInputs } from '../read-inputs.ts';
import { reportForeign, reportProblems, reportUnreadable } from '../reports.ts';
import type { CliContext } from '../terminal.ts';

const examples = `
Examples:
  svidecar render entries shop.yaml
  svidecar render entries manifests/ --pod-label app --container envoy
  svidecar render entries shop.yaml --server 'kubectl exec -n spire spire-server-0 -- /opt/spire/bin/spire-server' | sh
  svidecar render entries shop.yaml --as json | spire-server entry create -data -
  svidecar render entries shop.yaml --as objects | kubectl apply -f -
  kubectl get pods,services -n istio-system -l istio=ingressgateway -o yaml | svidecar render entries - --istio --pod-uid

The selectors name the auth helper's container, so that no other container of the pod can ask for its tokens.
Where Envoy gets its own X.509-SVID from SPIRE, --container envoy prints the entry for that too.
The annotations svidecar.dev/federates-with and spiffe.io/federatesWith of a pod template ("other.org, third.org")
become the entry's federatesWith. Parent, labels, image, hint and lives that no flag names are those of the
configuration (entries). A second run changes nothing: SPIRE says that a similar entry already exists.`;

const ofForeign =
  'no entry is printed for it; give its pods: kubectl get pods -o yaml | svidecar render entries -';

export function entriesCommand(context: CliContext): Command {
  const command = new Command('entries')
    .summary('what registers the helpers in SPIRE')
    .description(
      'Print what registers the helpers of annotated workloads in SPIRE: `spire-server entry create` commands, their\nJSON, or the objects of which spire-controller-manager makes the entries.',
    )
    .argument('[paths...]', 'files or folders; - or nothing reads standard input');
  return addEntriesFlags(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: EntriesFlags) => {
      const { terminal } = context;
      const engineOptions = decideOptions(flags, context);
      const options = entriesOptions(flags, engineOptions.engine.config);
      const documents = readInputs(paths, terminal).flatMap(readManifest);
      const { registrations, problems, registered } = registrationsIn(
        documents,
        options,
        engineOptions,
      );
      const { className } = engineOptions.engine.config.entries;
      terminal.out(textOf(registrations, { className, ...flags }));
      reportUnreadable(registered, terminal);
      reportForeign(foreignAmong(documents, engineOptions), terminal, ofForeign);
      reportProblems(problems, terminal);
      context.exit(exitCodeOfAll(problems.map(({ error }) => error.code)));
    });
}

function textOf(registrations: readonly Registration[], flags: EntriesFlags): string {
  const { className = '', socketPath, server: program = 'spire-server' } = flags;
  const aliases = aliasesFor(registrations, flags.nodeAlias);
  const entries = [...aliases, ...registrations];
  switch (flags.as) {
    case 'commands': {
      const words = { program, ...(socketPath === undefined ? {} : { socketPath }) };
      return entries.map((each) => commandFor(each, words)).join('\n');
    }
    case 'json':
      return jsonText(entriesDocument(entries));
    case 'objects':
      return yamlStream(registrations.map((each) => clusterSpiffeId(each, className)));
    case 'static':
      return yamlStream([
        ...aliases.map((each) => staticAlias(each, className)),
        ...registrations.map((each) => clusterStaticEntry(each, className)),
      ]);
    default:
      return flags.as satisfies never;
  }
}

/** One for each parent that is named. */
function aliasesFor(
  registrations: readonly Registration[],
  selectors: readonly string[],
): readonly EntryContent[] {
  if (selectors.length === 0) return [];
  const parents = new Set(registrations.map(({ parentId }) => parentId));
  return [...parents].map((parentId) => nodeAlias(parentId, selectors));
}

/** Each once. */
function yamlStream(objects: readonly object[]): string {
  return [...new Set(objects.map((each) => `---\n${yamlOf(each)}`))].join('');
}
