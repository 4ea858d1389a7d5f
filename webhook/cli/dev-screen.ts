/** What `svidecar dev` shows without `--verbose`: one screen. */
import { printable } from '#kernel/text.ts';
import { stringAt, objectAt } from '#kernel/json.ts';
import { scenes } from '../dev/scenes.ts';
import { sendWatched, type WatchedPath } from '../dev/watched-request.ts';
import type { DevRun, Reviewed } from './dev-run.ts';
import { painter, type Paint } from './reports.ts';
import type { CliContext, Terminal } from './terminal.ts';

/** Workloads that are listed. */
const shownWorkloads = 6;

export async function showScreen(
  run: DevRun,
  { terminal, installation }: CliContext,
): Promise<void> {
  const paint = painter(terminal);
  terminal.out(
    `${paint('bold', `svidecar ${installation.version} at work on this machine, without a cluster`)}\n\n`,
  );
  showReviews(run.reviews, terminal);
  for (const path of run.paths) await showPath(path, run, terminal);
  if (run.paths.length === 0)
    terminal.out(
      'No requests are shown: these manifests hold no pair of a caller (jwt-inject) and a callee (jwt-validate).\n\n',
    );
  else if (run.envoy.kind === 'stand_in')
    terminal.out(
      `A small client plays Envoy’s part: ${printable(run.envoy.why)}. The data path native needs a real one.\n\n`,
    );
}

function showReviews(reviews: readonly Reviewed[], terminal: Terminal): void {
  const paint = painter(terminal);
  const rows = reviews.slice(0, shownWorkloads).map((each) => [nameOf(each), ...verdictOf(each)]);
  const width = Math.max(0, ...rows.map(([name = '']) => name.length));
  terminal.out(`The webhook decided about ${reviews.length} workloads:\n`);
  for (const [name = '', verdict = '', style = ''] of rows)
    terminal.out(`  ${name.padEnd(width)}  ${paint(style === 'red' ? 'red' : 'green', verdict)}\n`);
  if (reviews.length > rows.length)
    terminal.out(`  … and ${reviews.length - rows.length} more: --verbose shows all\n`);
  terminal.out('\n');
}

function nameOf({ outcome: { located } }: Reviewed): string {
  return printable(`${located.kind} ${located.namespace}/${located.name}`);
}

/** Its decision, and the colour of it. */
function verdictOf({ answer: { response }, outcome }: Reviewed): readonly [string, string] {
  if (response['allowed'] !== true)
    return [
      printable(`refused: ${stringAt(objectAt(response, 'status'), 'message') ?? ''}`),
      'red',
    ];
  const decision = stringAt(objectAt(response, 'auditAnnotations'), 'decision') ?? 'allowed';
  const { decision: own } = outcome;
  const words =
    own.kind === 'injected'
      ? `${decision} ${own.status.templates.join(', ')}`
      : `${decision}: ${own.steps.at(-1)?.message ?? ''}`;
  return [printable(words), 'green'];
}

function headingOf({ dataPath, path }: WatchedPath, { envoy }: DevRun): string {
  if (dataPath === 'native')
    return 'The same with svidecar.dev/data-path: native; Envoy’s own filters work, fed by the helpers';
  const { caller, callee } = path;
  const part = envoy.kind === 'real' ? envoy.title : 'a stand-in for Envoy';
  return `${caller.name} and ${callee.name} run here with ${part}, which asks its helper about each request`;
}

async function showPath(watched: WatchedPath, run: DevRun, terminal: Terminal): Promise<void> {
  const paint = painter(terminal);
  terminal.out(`${headingOf(watched, run)}:\n`);
  for (const scene of scenes) {
    const { status, body } = await sendWatched(scene, watched);
    terminal.out(`  ${resultLine({ status, body }, scene.title, paint)}\n`);
  }
  terminal.out('\n');
}

/** Such as `403  somebody asks …: jwt-validate: there is no Authorization header`. */
export function resultLine(
  { status, body }: { readonly status: number; readonly body: string },
  title: string,
  paint: Paint,
): string {
  const isFine = status === 200;
  const [reason = ''] = isFine ? [''] : body.trim().split('\n');
  const told = reason === '' ? '' : `: ${printable(reason)}`;
  return `${paint(isFine ? 'green' : 'red', String(status))}  ${title}${told}`;
}
