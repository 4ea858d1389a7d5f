/** `svidecar dev`, which `npm start` runs: the webhook at work on this machine, without a cluster. */
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { printable } from '#kernel/text.ts';
import { isArray, isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import type { LocalDataPath } from '../../dev/local-data-path.ts';
import type { Operation } from '../../editing/operation.ts';
import {
  configMapsIn,
  decideAll,
  type DecideOptions,
  type DecidedWorkload,
} from '../../manifests/decide-all.ts';
import { forPeople } from './diff.ts';
import { startDevWebhook, type DevWebhook, type ReviewResponse } from '../dev-webhook.ts';
import { editDocument } from '../../manifests/edit-stream.ts';
import { nativeEngine, showDataPath, showNative, startDevDataPath } from '../dev-data-path.ts';
import { injectTexts, type InjectedTexts } from '../../manifests/inject-texts.ts';
import { readManifest, type SourceText } from '../../manifests/manifest.ts';
import { addEngineFlags, decideOptions, type EngineFlags } from '../options.ts';
import { addPaths } from '../given-paths.ts';
import { readInputs } from '../read-inputs.ts';
import { painter } from '../reports.ts';
import { forEyes, type CliContext, type Terminal } from '../terminal.ts';
import { unifiedDiff } from '../../manifests/unified-diff.ts';
import { configMapDiffs } from '../../manifests/diff-texts.ts';

interface DevFlags extends EngineFlags {
  readonly stay?: true;
}

const examples = `
Examples:
  npm start
  svidecar dev shop.yaml
  svidecar dev --stay | less -R

Without paths the demo's manifests are shown. On a terminal, and with --stay, the webhook stays up until Ctrl-C.`;

export function devCommand(given: CliContext): Command {
  // Nobody reads it but people, also through a pager.
  const context = { ...given, terminal: forEyes(given.terminal) };
  const command = addPaths(
    new Command('dev')
      .summary('show svidecar at work on this machine, without a cluster')
      .description(
        'Start the real webhook on loopback with a certificate of its own, send it workloads as an API server would,\nand show what it decides, what it changes, and what becomes of the Envoy configurations. Then run the two workloads\nwith these configurations as processes, and send requests that pass and requests that are refused.',
      )
      .option('--stay', 'keep the webhook up until Ctrl-C'),
    'files or folders with workloads (default: the demo)',
  );
  return addEngineFlags(command)
    .addHelpText('after', examples)
    .action(async (paths: readonly string[], flags: DevFlags) => {
      const { terminal } = context;
      const sources = paths.length === 0 ? demoOf(context) : readInputs(paths, terminal);
      await run(sources, flags, context);
    });
}

/** The demo's manifests, named as they are in the repository. */
function demoOf({ installation, terminal }: CliContext): readonly SourceText[] {
  const root = join(installation.demo, '../..');
  return readInputs([installation.demo], terminal).map(({ name, text }) => ({
    name: relative(root, name),
    text,
  }));
}

/** The acts in their order; each shows one part of svidecar at work. */
async function run(
  sources: readonly SourceText[],
  flags: DevFlags,
  context: CliContext,
): Promise<void> {
  const { terminal } = context;
  const options = decideOptions(flags, context);
  const documents = sources.flatMap(readManifest);
  const configMaps = configMapsIn(documents, options.namespace);
  const webhook = await startDevWebhook(options, configMaps, terminal);
  const paths: LocalDataPath[] = [];
  try {
    const outcomes = decideAll(documents, options);
    heading(`The webhook listens on ${webhook.url}/mutate. It is sent:`, terminal);
    for (const outcome of outcomes) await showReview(outcome, webhook, terminal);
    const injection = injectTexts(sources, options);
    showConfigMaps(injection, options, terminal);
    const path = await startDevDataPath(injection, options.engine, context);
    if (path !== undefined) {
      paths.push(path);
      await showDataPath(path, context);
      await runNative(sources, options, { context, paths });
    }
    if (terminal.isInteractive || flags.stay === true) await stay(webhook, terminal);
  } finally {
    await Promise.all(paths.map((each) => each.stop()));
    await webhook.stop();
  }
}

/** Only a real Envoy has the filters. */
async function runNative(
  sources: readonly SourceText[],
  options: DecideOptions,
  { context, paths }: { readonly context: CliContext; readonly paths: LocalDataPath[] },
): Promise<void> {
  const engine = nativeEngine(options.engine);
  const injection = injectTexts(sources, { ...options, engine });
  const hasEnvoy = context.installation.envoy !== undefined;
  const path = hasEnvoy ? await startDevDataPath(injection, engine, context) : undefined;
  if (path !== undefined) paths.push(path);
  await showNative(injection, path, context);
}

function heading(text: string, terminal: Terminal): void {
  terminal.out(`${painter(terminal)('bold', text)}\n\n`);
}

async function showReview(
  outcome: DecidedWorkload,
  webhook: DevWebhook,
  terminal: Terminal,
): Promise<void> {
  const paint = painter(terminal);
  const { located, object, document } = outcome;
  const answer = await webhook.review(object.value);
  const name = `${located.kind} ${located.namespace}/${located.name}`;
  terminal.out(
    `${paint('bold', printable(`── ${name}`))}  ${verdictOf(answer)}, ${answer.tookMs} ms\n`,
  );
  for (const line of traceOf(answer)) terminal.out(`   ${line}\n`);
  const warnings = listAt(answer.response, 'warnings').filter((each) => typeof each === 'string');
  for (const warning of warnings) {
    terminal.out(`   ${paint('yellow', 'kubectl shows:')} Warning: ${warning}\n`);
  }
  const operations = operationsOf(answer);
  const edited = editDocument(document, new Map([[object, { kind: 'operations', operations }]]));
  const labels = { before: `${document.source.name} ${name}`, after: `${name} (as stored)` };
  const diff = unifiedDiff(
    { before: document.text, after: edited.text ?? document.text },
    { ...labels, firstLine: document.firstLine },
  );
  terminal.out(`\n${diff === '' ? '' : `${shown(diff, terminal)}\n`}`);
}

/** For people in any case, also where the output is not a terminal. */
function shown(diff: string, terminal: Terminal): string {
  return forPeople(diff, { ...terminal, isInteractive: true });
}

function verdictOf({ status, response }: ReviewResponse): string {
  if (response['allowed'] !== true) {
    return `HTTP ${status}, refused: ${stringAt(objectAt(response, 'status'), 'message') ?? ''}`;
  }
  const decision = stringAt(objectAt(response, 'auditAnnotations'), 'decision') ?? 'allowed';
  return `HTTP ${status}, ${decision}`;
}

function traceOf({ response }: ReviewResponse): readonly string[] {
  const trace = stringAt(objectAt(response, 'auditAnnotations'), 'trace') ?? '';
  return trace === '' ? [] : trace.split('\n');
}

function operationsOf({ response }: ReviewResponse): readonly Operation[] {
  const patch = stringAt(response, 'patch');
  if (patch === undefined) return [];
  const operations: unknown = JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
  // The webhook's own answer, which the editor checks against each document once more.
  return isArray(operations) ? (operations.filter(isObject) as unknown as Operation[]) : [];
}

function showConfigMaps(
  injection: InjectedTexts,
  options: DecideOptions,
  terminal: Terminal,
): void {
  const diffs = configMapDiffs(injection, options);
  if (diffs.length === 0) return;
  heading('In a cluster the controller keeps these ConfigMaps for them:', terminal);
  for (const diff of diffs) terminal.out(`${shown(diff, terminal)}\n`);
}

async function stay(webhook: DevWebhook, terminal: Terminal): Promise<void> {
  const signal = terminal.untilInterrupted();
  terminal.out(
    `Everything stays up, so the curls above can be tried. The webhook: ${webhook.url}/mutate, /healthz, /metrics. Ctrl-C ends it.\n`,
  );
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
}
