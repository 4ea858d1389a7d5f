/** What people read on standard error while standard output carries manifests. */
import { styleText } from 'node:util';
import { printable } from '#kernel/text.ts';
import type { TraceStep } from '../injection/trace.ts';
import { nameOf } from '../admission/decide.ts';
import type { DecidedWorkload } from '../manifests/decide-all.ts';
import type { InputProblem } from '../manifests/input-problem.ts';
import { unreadableFault } from '../injection/tell-of-federation.ts';
import { unreadableIn } from '../request/federation.ts';
import { exitCodeOfAll } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';
import type { Foreign } from '../manifests/foreign-objects.ts';

export type Style = Parameters<typeof styleText>[0];

/** Text in a style, where the terminal wants colours. */
export type Paint = (style: Style, text: string) => string;

export function painter(terminal: Pick<Terminal, 'hasColor'>): Paint {
  if (!terminal.hasColor) return (_style, text) => text;
  return (style, text) => styleText(style, text, { validateStream: false });
}

/** `file:line: what`, with its code, for each failure. */
export function reportProblems(problems: readonly InputProblem[], terminal: Terminal): void {
  for (const { error } of problems) terminal.err(`${printable(error.message)} [${error.code}]\n`);
}

/** What was done to each workload, and what its author should know; refusals are problems and not reported here. */
export function reportOutcomes(outcomes: readonly DecidedWorkload[], terminal: Terminal): void {
  for (const outcome of outcomes) {
    const { decision } = outcome;
    const place = placeOf(outcome);
    if (decision.kind === 'refused') continue;
    for (const step of decision.steps.filter((each) => isWorthTelling(each))) {
      const warning = step.level === 'warning' ? 'warning: ' : '';
      terminal.err(`${printable(`${place}: ${warning}${step.message}`)}\n`);
    }
  }
}

function placeOf({ document, object, located }: DecidedWorkload): string {
  return `${document.source.name}:${object.line}: ${nameOf(located)}`;
}

/** Trust domains that workloads name and that their entries do not, because they are none. */
export function reportUnreadable(
  outcomes: readonly DecidedWorkload[],
  terminal: Pick<Terminal, 'err'>,
): void {
  for (const outcome of outcomes) {
    const fault = unreadableFault(unreadableIn(outcome.located.template));
    if (fault !== undefined)
      terminal.err(`${printable(`${placeOf(outcome)}: warning: ${fault}`)}\n`);
  }
}

const shownIds: ReadonlySet<TraceStep['id']> = new Set<TraceStep['id']>([
  'injected',
  'unchanged',
  'uninjected',
  'other_revision',
]);

function isWorthTelling(step: TraceStep): boolean {
  return step.level === 'warning' || shownIds.has(step.id);
}

/** The exit code of failures that the input has. */
export function exitCodeOfProblems(problems: readonly InputProblem[]): number {
  return exitCodeOfAll(problems.map(({ error }) => error.code));
}

/** `file:line: Kind namespace/name: warning: …` @param more what follows from it for this command */
export function reportForeign(
  all: readonly Foreign[],
  terminal: Pick<Terminal, 'err'>,
  more?: string,
): void {
  for (const { document, object, kind, namespace, name, steps } of all) {
    const place = `${document.source.name}:${object.line}: ${kind} ${namespace}/${name}`;
    const messages = [
      ...steps.map(({ message }) => message),
      ...(more === undefined ? [] : [more]),
    ];
    for (const message of messages) terminal.err(`${printable(`${place}: warning: ${message}`)}\n`);
  }
}
