/** `svidecar render entries`: the registration entries that injected workloads need in SPIRE. */
import { Command } from 'commander';
import { entriesText } from '../../manifests/entries-text.ts';
import { foreignAmong } from '../../manifests/foreign-objects.ts';
import { readManifest } from '../../manifests/manifest.ts';
import { registrationsIn } from '../../manifests/registrations-in.ts';
import { addEntriesFlags, entriesOptions, type EntriesFlags } from '../entries-flags.ts';
import { exitCodeOfAll } from '../exit-codes.ts';
import { decideOptions } from '../options.ts';
import { addPaths } from '../given-paths.ts';
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
  const command = addPaths(
    new Command('entries')
      .summary('what registers the helpers in SPIRE')
      .description(
        'Print what registers the helpers of annotated workloads in SPIRE: `spire-server entry create` commands, their\nJSON, or the objects of which spire-controller-manager makes the entries.',
      ),
    'files or folders; - or nothing reads standard input',
  );
  return addEntriesFlags(command)
    .addHelpText('after', examples)
    .action((paths: readonly string[], flags: EntriesFlags) => {
      const { terminal } = context;
      const engineOptions = decideOptions(flags, context);
      const options = entriesOptions(flags, engineOptions.engine.config);
      const documents = readInputs(paths, { terminal, command: 'render entries' }).flatMap(
        readManifest,
      );
      const { registrations, problems, registered } = registrationsIn(
        documents,
        options,
        engineOptions,
      );
      const { className } = engineOptions.engine.config.entries;
      terminal.out(entriesText(registrations, { className, ...flags }));
      reportUnreadable(registered, terminal);
      reportForeign(foreignAmong(documents, engineOptions), terminal, ofForeign);
      reportProblems(problems, terminal);
      context.exit(exitCodeOfAll(problems.map(({ error }) => error.code)));
    });
}
