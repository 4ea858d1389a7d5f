/** `svidecar revision`: several installations in one cluster, and which of them is the default. */
import { Command } from 'commander';
import { isObject, listAt, type JsonObject } from '#kernel/json.ts';
import {
  installedRevisions,
  versionOfRevision,
  type InstalledRevisions,
} from '../../checks/installed-revisions.ts';
import type { KubernetesApi } from '../../kube/kubernetes-api.ts';
import { yamlOf } from '../../manifests/appended-documents.ts';
import { defaultConfiguration } from '../../request/revision-hooks.ts';
import {
  defaultHooksName,
  installationWords,
  noRevision,
  revisionShown,
} from '../../request/revision.ts';
import { askRevision } from '../../survey/ask-revision.ts';
import { addClusterFlags, connectTo, type ClusterFlags } from '../cluster-flags.ts';
import { exitCodes } from '../exit-codes.ts';
import { revisedManifests } from '../revised-manifests.ts';
import { parseRevision } from '../revision-flag.ts';
import { revisionToChoose } from '../revision-to-choose.ts';
import { tableOf } from '../table.ts';
import type { CliContext } from '../terminal.ts';

const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
const selector = 'labelSelector=app.kubernetes.io%2Fname%3Dsvidecar';
/** Milliseconds for one request. */
const askMs = 30_000;

const defaultExamples = `
Examples:
  svidecar revision default canary          what would be written, as YAML
  svidecar revision default canary --yes    from now on what names no revision is canary's
  svidecar revision default --yes           it is the installation's without a name again

One object says it: the MutatingWebhookConfiguration ${defaultHooksName}. It is written in one request, with Service and authority
of the revision; that revision's controller keeps the authority. Before, a Pod that names the revision is sent as a dry run: one
that does not inject is not made the default.
Exit code: 0 it is so · 1 it was not written: add --yes, or see what is missing.`;

const renderExamples = `
Examples:
  kubectl kustomize manifests/kustomize/overlays/production | svidecar revision render canary | kubectl apply -f -
  svidecar revision render canary install-production.yaml > canary.yaml

The Namespace, and what is not the injector's (the service for bans), are left out: they are not there twice.`;

export function revisionCommand(context: CliContext): Command {
  return new Command('revision')
    .summary('several installations side by side: list, choose the default, render')
    .description(
      'Several installations of svidecar in one cluster, told apart by the label svidecar.dev/revision (docs/revisions.md).',
    )
    .addCommand(listCommand(context))
    .addCommand(defaultCommand(context))
    .addCommand(renderOfRevision(context));
}

function listCommand(context: CliContext): Command {
  return addClusterFlags(new Command('list'), 'the cluster')
    .description('Lists the revisions that have hooks, and which of them is the default.')
    .action(async (flags: ClusterFlags) => {
      const installed = await read(await connectTo(flags, context));
      const rows = installed.all.map((each) => [
        [revisionShown(each.name)],
        [each.name === installed.byDefault ? 'default' : ''],
        [versionOfRevision(each) ?? ''],
        each.targets.map(({ key }) => key),
      ]);
      const { head, linesOf } = tableOf(['REVISION', 'DEFAULT', 'VERSION', 'CALLS'], rows);
      context.terminal.out(`${[head, ...rows.flatMap(linesOf)].join('\n')}\n`);
    });
}

interface DefaultFlags extends ClusterFlags {
  readonly yes?: true;
}

function defaultCommand(context: CliContext): Command {
  const command = new Command('default')
    .argument('[revision]', 'its name; none: the installation without a name', parseRevision)
    .description('Shows, and with --yes writes, which revision injects what names none.')
    .option('--yes', 'write it');
  return addClusterFlags(command, 'the cluster')
    .addHelpText('after', defaultExamples)
    .action(async (name: string | undefined, flags: DefaultFlags) => {
      context.exit(await moveDefault(name ?? noRevision, flags, context));
    });
}

async function moveDefault(
  name: string,
  flags: DefaultFlags,
  context: CliContext,
): Promise<number> {
  const { terminal } = context;
  const api = await connectTo(flags, context);
  const installed = await read(api);
  const chosen = revisionToChoose(installed, name);
  const configuration = defaultConfiguration(chosen.configurations, name);
  const before = installed.byDefault;
  const shown = installationWords(name);
  if (flags.yes !== true) {
    terminal.out(yamlOf(configuration));
    terminal.err(`${shown} would be the default; --yes does it\n`);
    return exitCodes.refused;
  }
  if (!(await isAnswering(api, name, terminal))) return exitCodes.refused;
  const signal = AbortSignal.timeout(askMs);
  await api.apply(`${path}/${defaultHooksName}`, configuration, signal);
  const was = before === undefined ? 'nobody was' : `before: ${revisionShown(before)}`;
  terminal.out(`${shown} is the default (${was})\n`);
  return exitCodes.ok;
}

/** One that does not inject now would leave every pod to the guard. The one without a name can't be asked by its label. */
async function isAnswering(
  api: KubernetesApi,
  name: string,
  { err }: CliContext['terminal'],
): Promise<boolean> {
  if (name === noRevision) return true;
  const answer = await askRevision(api, name, AbortSignal.timeout(askMs));
  switch (answer.kind) {
    case 'injects':
    case 'nowhere':
      return true;
    case 'unknown':
      err(`whether revision ${name} injects is not known: ${answer.why}\n`);
      return true;
    case 'does_not':
      err(
        `revision ${name} does not inject now, so nothing is written: ${answer.why}; see what it waits for: svidecar check --revision ${name}\n`,
      );
      return false;
    default:
      return answer satisfies never;
  }
}

async function read(api: KubernetesApi): Promise<InstalledRevisions> {
  const list = await api.get(`${path}?${selector}`, AbortSignal.timeout(askMs));
  const objects: readonly JsonObject[] = listAt(list, 'items').filter(isObject);
  // The items of a list do not name their kind.
  const kind = 'MutatingWebhookConfiguration';
  return installedRevisions(objects.map((object) => ({ object: { ...object, kind } })));
}

function renderOfRevision(context: CliContext): Command {
  return new Command('render')
    .argument('<revision>', 'its name', parseRevision)
    .argument('[paths...]', "svidecar's own manifests: files, folders, - for standard input")
    .description("Makes svidecar's manifests those of a revision: own names, labels and hooks.")
    .addHelpText('after', renderExamples)
    .action((name: string, paths: readonly string[]) => {
      context.terminal.out(revisedManifests(name, paths, context.terminal));
    });
}
