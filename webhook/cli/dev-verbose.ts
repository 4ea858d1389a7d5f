/** What `svidecar dev --verbose` shows: each decision with its steps, each change, and each request. */
import { printable } from '#kernel/text.ts';
import { isArray, isObject, listAt, objectAt, stringAt } from '#kernel/json.ts';
import { exchange } from '../dev/http-exchange.ts';
import type { LocalDataPath } from '../dev/local-data-path.ts';
import { sceneCommand, scenes, sceneUrl } from '../dev/scenes.ts';
import type { Operation } from '../editing/operation.ts';
import type { DecideOptions } from '../manifests/decide-all.ts';
import { configMapDiffs } from '../manifests/diff-texts.ts';
import { editDocument } from '../manifests/edit-stream.ts';
import type { InjectedTexts } from '../manifests/inject-texts.ts';
import { unifiedDiff } from '../manifests/unified-diff.ts';
import { forPeople } from './commands/diff.ts';
import { askingPath, type DevRun, type FoundEnvoy, type Reviewed } from './dev-run.ts';
import { resultLine } from './dev-screen.ts';
import type { ReviewResponse } from './dev-webhook.ts';
import { painter } from './reports.ts';
import type { Terminal } from './terminal.ts';

/** The acts in their order; each shows one part of svidecar at work. */
export async function showAll(
  run: DevRun,
  options: DecideOptions,
  terminal: Terminal,
): Promise<void> {
  heading(`The webhook listens on ${run.webhook.url}/mutate. It is sent:`, terminal);
  for (const reviewed of run.reviews) showReview(reviewed, terminal);
  showConfigMaps(run.injection, options, terminal);
  const path = askingPath(run);
  if (path === undefined) return;
  await showDataPath(path, run.envoy, terminal);
  await showNative(run, terminal);
}

function heading(text: string, terminal: Terminal): void {
  terminal.out(`${painter(terminal)('bold', text)}\n\n`);
}

function showReview({ outcome, answer }: Reviewed, terminal: Terminal): void {
  const paint = painter(terminal);
  const { located, object, document } = outcome;
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

/** Sends the scenes' requests and says what came of each. */
async function showDataPath(
  path: LocalDataPath,
  envoy: FoundEnvoy,
  terminal: Terminal,
): Promise<void> {
  const paint = painter(terminal);
  const part =
    envoy.kind === 'stand_in'
      ? `A small client plays Envoy’s part: ${printable(envoy.why)}.`
      : `${envoy.title}, helpers and a Workload API with keys of its own run as processes on loopback.`;
  terminal.out(
    `${paint('bold', 'The same two workloads, with the configurations above, on this machine.')}\n${part}\n\n`,
  );
  for (const scene of scenes) {
    const { status, body } = await exchange(sceneUrl(scene, path), scene.headers);
    const color = status === 200 ? 'green' : 'red';
    terminal.out(`${paint('bold', `── ${scene.title}`)}\n   $ ${sceneCommand(scene, path)}\n`);
    terminal.out(
      `   ${paint(color, `HTTP ${status}`)}  ${body.trim().replaceAll('\n', '\n            ')}\n`,
    );
    terminal.out(`   Why: ${scene.why}\n\n`);
  }
}

/** What `native` adds to the Envoy configurations, and the same requests in a line each. */
async function showNative({ nativeInjection, paths }: DevRun, terminal: Terminal): Promise<void> {
  const paint = painter(terminal);
  const title =
    'And with svidecar.dev/data-path: native, Envoy’s own filters work, fed by the helpers, and nobody is asked while a request waits:';
  terminal.out(`${paint('bold', title)}\n\n`);
  const steps = nativeInjection.outcomes.flatMap(({ decision }) => decision.steps);
  for (const { id, message } of steps)
    if (id === 'envoy_config_patched' || id === 'refused')
      terminal.out(`   ${printable(message)}\n`);
  terminal.out('\n');
  const path = paths.find(({ dataPath }) => dataPath === 'native')?.path;
  if (path === undefined) {
    terminal.out('To see them at work, get an Envoy: scripts/components envoy\n\n');
    return;
  }
  for (const scene of scenes) {
    const answer = await exchange(sceneUrl(scene, path), scene.headers);
    terminal.out(`   HTTP ${resultLine(answer, scene.title, paint)}\n`);
  }
  terminal.out('   What differs from ext-authz: docs/data-paths.md\n\n');
}
