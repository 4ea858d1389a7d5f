/** `svidecar identities`: which identity each workload has, and where it got it from. */
import type { AppError } from '#kernel/errors.ts';
import { printable } from '#kernel/text.ts';
import { Command } from 'commander';
import type { ClusterFacts } from '../../checks/facts.ts';
import { judgeIdentities } from '../../checks/identity-links.ts';
import { judgeProxies } from '../../checks/proxy-certificates.ts';
import { factsOfFiles } from '../../manifests/facts-of-manifests.ts';
import { foreignAmong } from '../../manifests/foreign-objects.ts';
import { readManifest } from '../../manifests/manifest.ts';
import type { RightsApi } from '../../kube/denied-rights.ts';
import { addClusterFlags, connectTo, engineSource, type ClusterFlags } from '../cluster-flags.ts';
import {
  exitCodeOfIdentities,
  identitiesJson,
  identitiesSummary,
  tablesText,
  worstCode,
} from '../identities-report.ts';
import { exitCodeBeside } from '../exit-codes.ts';
import { addEngineFlags, decideOptions, outputOption, type EngineFlags } from '../options.ts';
import { deniedSentences } from '../../kube/read-list.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import { exitCodeOfProxies } from '../proxies-report.ts';
import { painter, reportForeign, reportProblems } from '../reports.ts';
import { addSpireFlags, refuseTwoStdins, spireFacts, type SpireFlags } from '../spire-flags.ts';
import type { CliContext } from '../terminal.ts';

interface IdentitiesFlags extends EngineFlags, ClusterFlags, SpireFlags {
  readonly output?: 'text' | 'json';
  readonly istio?: true;
}

/** Milliseconds for a whole cluster: after it something hangs. */
const clusterMs = 5 * 60_000;

const examples = `
Examples:
  svidecar identities -n shop                     what the helpers of a namespace have in hand
  kubectl exec -n spire spire-server-0 -- /opt/spire/bin/spire-server entry show -output json | svidecar identities --entries -
  svidecar identities --spire-server /run/spire-server/api.sock
  svidecar identities --spire-server spire-server.spire.svc:8081 --workload-api /run/spire/agent-sockets/spire-agent.sock
  svidecar identities shop/ --entries entries.json         manifests against what SPIRE has
  svidecar identities -n shop --istio             and the certificates of Istio's proxies: from SPIRE, or from istiod

For each workload with a helper: its SPIFFE ID, the entry that gives it, and the tokens that its helpers have (asked
through the API server; no token is shown). Where the chain is broken, the first missing link and what to do about it.
Exit code: 0 every identity is there · 1 one is missing · 5 an identity is registered twice · 3 the cluster cannot be
reached, or something is not known and nothing is missing.`;

export function identitiesCommand(context: CliContext): Command {
  const command = addPaths(
    new Command('identities')
      .summary('which identity each workload has, from SPIRE to its helper')
      .description(
        'Show which identity each workload should have, its registration in SPIRE, and what its helpers have in hand.',
      )
      .addOption(outputOption(['text', 'json'], 'for people or for programs'))
      .option('--istio', "for a cluster: ask Istio's proxies too which certificate they have"),
    'files, folders, or - for standard input; none: the cluster',
  );
  return addSpireFlags(addClusterFlags(addEngineFlags(command), 'for a cluster'))
    .addHelpText('after', examples)
    .action(async (paths: readonly string[], flags: IdentitiesFlags) => {
      refuseTwoStdins(paths, flags);
      const told = await (paths.length > 0
        ? ofFiles(paths, flags, context)
        : ofCluster(flags, context));
      context.exit(report(told, flags, context));
    });
}

const ofForeign =
  'its identity is not shown; svidecar identities without files shows that of its pods, which it reads from the cluster';

interface Told {
  readonly facts: ClusterFacts;
  readonly target: string;
  /** Absent: files. */
  readonly api?: RightsApi;
  /** What could not be read of files. */
  readonly faults?: readonly AppError[];
}

async function ofCluster(flags: IdentitiesFlags, context: CliContext): Promise<Told> {
  const { surveyIdentities } = await import('../../survey/survey.ts');
  const { checkNamespaceIsThere } = await import('../../survey/namespace-there.ts');
  const api = await connectTo(flags, context);
  await checkNamespaceIsThere(api, flags.namespace);
  const facts = await surveyIdentities({
    api,
    namespace: flags.namespace,
    nowMs: context.terminal.now(),
    engines: engineSource(flags.config, context),
    spire: await spireFacts(flags, context),
    asksHelpers: true,
    asksProxies: flags.istio === true,
    workloadApi: { kind: 'not_asked', reason: 'svidecar check --socket asks it' },
    signal: AbortSignal.timeout(clusterMs),
  });
  return { facts, target: api.url, api };
}

async function ofFiles(
  paths: readonly string[],
  flags: IdentitiesFlags,
  context: CliContext,
): Promise<Told> {
  const { terminal } = context;
  const documents = readInputs(paths, { terminal, command: 'identities' }).flatMap(readManifest);
  const engineOptions = decideOptions(flags, context);
  const { facts, faults } = factsOfFiles(documents, {
    ...engineOptions,
    nowMs: terminal.now(),
    spire: await spireFacts(flags, context),
  });
  reportForeign(foreignAmong(documents, engineOptions), terminal, ofForeign);
  reportProblems(
    faults.map((error) => ({ error })),
    terminal,
  );
  return { facts, target: 'files', faults };
}

function report(
  { facts, target, api, faults = [] }: Told,
  { output, istio }: IdentitiesFlags,
  context: CliContext,
): number {
  const { terminal } = context;
  const judged = judgeIdentities(facts);
  const proxies = istio === true ? judgeProxies(facts) : undefined;
  const { workloads, pods } = facts.objects;
  const reasons = [workloads, pods].flatMap((each) => ('reasons' in each ? each.reasons : []));
  const denied = api === undefined ? new Set() : deniedSentences(api);
  for (const reason of new Set(reasons))
    if (!denied.has(reason)) terminal.err(`${printable(reason)}\n`);
  if (output === 'json')
    terminal.out(identitiesJson(judged, { target, spire: facts.spire, proxies }));
  else {
    const paint = painter(terminal);
    terminal.out(
      tablesText(judged, proxies, { paint, isKnown: reasons.length + faults.length === 0 }),
    );
    terminal.out(`\n${target}: ${identitiesSummary(judged)}\n`);
  }
  const codes = [
    exitCodeOfIdentities(judged, reasons.length > 0),
    exitCodeOfProxies(proxies ?? []),
  ];
  return exitCodeBeside(faults, worstCode(codes));
}
